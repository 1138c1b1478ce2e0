import { OverlayError } from '@overlay/core';
import type { JsonObject } from '@overlay/core';
import { MOST_SILENT } from '../scale/population.js';
import { median, rounded } from '../statistics.js';
import { loadSubject } from '../subject.js';
import { arrangePlain, arrangeSubject, arrangeVxlan } from './arrangements.js';
import type { Arrangement } from './arrangements.js';
import type { Wire } from './pair.js';
import { measureTraffic } from './traffic.js';
import type { Traffic } from './traffic.js';

const WIRES: readonly Wire[] = ['whole', 'mtu'];

/** What to measure. */
export interface ThroughputOptions {
  /** Path of the backend's subject module. */
  readonly subject: string;
  /** Rounds, of which the medians are told; 5 unless told. */
  readonly rounds?: number;
  /** Whole seconds of each flow; 1 unless told. */
  readonly seconds?: number;
  /** More members of `Backend` in net-conf.json, or other values for those of the subject. */
  readonly backendOptions?: JsonObject;
  /** Measures the backend a second time, with so many peers instead of one (2 to 62,464), of which the rest is silent. */
  readonly peers?: number;
  readonly signal: AbortSignal;
  /** Told what is going on. */
  readonly progress?: (text: string) => void;
}

/** An arrangement on one wire: medians of all rounds. */
export interface WireResult extends Traffic {
  readonly arrangement: string;
  readonly mtu: number;
}

/** The backend's median by another arrangement's. For round-trip times and processor time less is better. */
export type Ratios = Readonly<Record<string, Traffic>>;

/** What was measured on both wires. */
export interface ThroughputReport {
  readonly backend: string;
  /** The members of `Backend` that were asked for. */
  readonly backendOptions?: JsonObject;
  readonly rounds: number;
  readonly wires: Readonly<Record<Wire, { readonly results: readonly WireResult[]; readonly ratios: Ratios }>>;
}

/**
 * Measures pod to pod through a backend, beside plain routing and kernel VXLAN set up by hand, in turns, on two wires.
 *
 * @throws OverlayError `OVERLAY_BENCH_SUBJECT`, `OVERLAY_BENCH_OPTION`, `OVERLAY_BENCH_FAILED`, `OVERLAY_BENCH_COMMAND`, `OVERLAY_ABORTED`.
 */
export async function benchThroughput(options: ThroughputOptions): Promise<ThroughputReport> {
  const { signal, rounds = 5, seconds = 1, progress = (): void => undefined } = options;
  const { backendOptions, peers } = options;
  if (peers !== undefined && !(Number.isInteger(peers) && peers >= 2 && peers <= MOST_SILENT)) {
    throw new OverlayError(
      'OVERLAY_BENCH_OPTION',
      `--peers: expected an integer from 2 to ${MOST_SILENT}, got ${peers}`,
    );
  }
  const loaded = await loadSubject(options.subject);
  const subject = { ...loaded, options: { ...loaded.options, ...backendOptions } };
  await using arrangements = new Arrangements();
  arrangements.add(await arrangeSubject(subject, signal));
  arrangements.add(await arrangePlain(signal));
  arrangements.add(await arrangeVxlan(signal));
  if (peers !== undefined) arrangements.add(await arrangeSubject(subject, signal, peers - 1));
  const measured = new Map<string, Traffic[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const wire of WIRES) {
      for (const { name, pair } of arrangements.all) {
        await pair.setWire(wire);
        const [from, to] = pair.pods;
        if (!from || !to) continue;
        const address = pair.hosts[1].podAddress;
        const traffic = await measureTraffic(from, { namespace: to, address }, { seconds, signal });
        const key = `${wire} ${name}`;
        measured.set(key, [...(measured.get(key) ?? []), traffic]);
        progress(`round ${round}, ${wire}, ${name}: ${traffic.tcpGbps.toFixed(1)} Gbit/s`);
      }
    }
  }
  const result = (wire: Wire) => {
    const results = arrangements.all.map(({ name, mtu }) => ({
      arrangement: name,
      mtu,
      ...each((figure) => median((measured.get(`${wire} ${name}`) ?? []).map((traffic) => traffic[figure]))),
    }));
    const [own, ...others] = results;
    const ratios = Object.fromEntries(
      others.map((other) => [other.arrangement, each((figure) => (own?.[figure] ?? NaN) / other[figure])]),
    );
    return { results, ratios };
  };
  return {
    backend: subject.type,
    ...(backendOptions !== undefined && { backendOptions }),
    rounds,
    wires: { whole: result('whole'), mtu: result('mtu') },
  };
}

/** Removes them all, the last one first. */
class Arrangements implements AsyncDisposable {
  readonly #all: Arrangement[] = [];

  get all(): readonly Arrangement[] {
    return this.#all;
  }

  add(arrangement: Arrangement): void {
    this.#all.push(arrangement);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const arrangement of this.#all.reverse()) await arrangement[Symbol.asyncDispose]();
  }
}

function each(value: (figure: keyof Traffic) => number): Traffic {
  return {
    tcpGbps: rounded(value('tcpGbps'), 3),
    tcp8Gbps: rounded(value('tcp8Gbps'), 3),
    udpKpps: rounded(value('udpKpps'), 3),
    rttUs: rounded(value('rttUs'), 3),
    cpuPerGbit: rounded(value('cpuPerGbit'), 4),
  };
}
