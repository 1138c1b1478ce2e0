import type { HealthServer } from '../health/server.js';
import { listenHealth } from '../health/server.js';
import { MetricRegistry } from './registry.js';

export interface MetricsServerOptions {
  readonly address: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** Metrics that can be read over HTTP, under `/metrics`, until it is closed. */
export interface MetricsServer extends HealthServer {
  readonly registry: MetricRegistry;
}

/**
 * Listens. The text format is loaded when it is asked for.
 *
 * @throws OverlayError `OVERLAY_HEALTH_LISTEN`, `OVERLAY_ABORTED`.
 */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const registry = new MetricRegistry();
  const server = await listenHealth({
    ...options,
    what: { flag: '--metrics-port', purpose: 'metrics', paths: '/metrics' },
    answer: async (path) => {
      if (path !== '/metrics') return undefined;
      const { textFormat, TEXT_FORMAT } = await import('./text-format.js');
      return { status: 200, type: TEXT_FORMAT, body: textFormat(registry.read()) };
    },
  });
  return { ...server, registry };
}
