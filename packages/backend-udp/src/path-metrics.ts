import { silentLogger, errorText } from '@overlay/core';
import type { Logger, Metrics } from '@overlay/core';
import type { DataPath, OpenDataPath, UdpCounters } from './data-path.js';

/** Where, and by which path, packets are counted. */
export interface FollowedPath {
  readonly name: DataPath['name'];
  readonly path: Pick<OpenDataPath, 'status'>;
  readonly metrics: Metrics;
  readonly logger?: Logger;
}

/**
 * Tells metrics what data paths have counted. One for all networks that share the paths: they share the counters too, and
 * nothing may be told twice. Peers are not told one by one: there may be too many of them.
 */
export class PathMetrics {
  readonly #told = new Map<DataPath['name'], UdpCounters>();

  /** Tells them whenever they are read, and once more when the function that is returned is called. */
  follow({ name, path, metrics, logger = silentLogger }: FollowedPath): () => void {
    const tell = (): void => {
      try {
        this.#tell(name, path, metrics);
      } catch (error) {
        // The kernel may refuse to be read; whoever reads the metrics gets the others.
        logger.debug(`udp: reading the counters of the ${name} path: ${errorText(error)}`);
      }
    };
    const end = metrics.beforeRead?.(tell);
    if (end === undefined) return () => undefined;
    return () => {
      end();
      tell();
    };
  }

  #tell(name: DataPath['name'], path: Pick<OpenDataPath, 'status'>, metrics: Metrics): void {
    const { counters, offloads } = path.status();
    const before = this.#told.get(name);
    this.#told.set(name, counters);
    for (const direction of ['sent', 'received'] as const) {
      const labels = { path: name, direction };
      const [now, then] = [counters[direction], before?.[direction]];
      metrics.count('udp_packets_total', growth(now.packets, then?.packets), labels);
      metrics.count('udp_bytes_total', growth(now.bytes, then?.bytes), labels);
    }
    for (const [what, metric] of REASONED) {
      for (const [reason, packets] of Object.entries(counters[what])) {
        const more = growth(packets, before?.[what][reason as keyof UdpCounters['drops']]);
        metrics.count(metric, more, { path: name, reason });
      }
    }
    for (const [offload, used] of Object.entries(offloads)) {
      metrics.gauge('udp_offload', used ? 1 : 0, { path: name, offload });
    }
  }
}

const REASONED = [
  ['drops', 'udp_dropped_packets_total'],
  ['passed', 'udp_passed_packets_total'],
] as const;

/** What is new. Less than before means that the counter was made anew. */
function growth(now: number, before = 0): number {
  return now >= before ? now - before : now;
}
