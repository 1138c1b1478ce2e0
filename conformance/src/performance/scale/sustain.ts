import { setTimeout as delay } from 'node:timers/promises';
import { rounded } from '../statistics.js';
import type { Subject } from '../subject.js';
import type { MeasuredProcess } from './measured-process.js';
import { syntheticLease } from './population.js';

const RATE = 1000;
const TICK_MS = 10;

/** How a steady stream of changes was kept up with. */
export interface Sustained {
  readonly changes: number;
  readonly seconds: number;
  /** Milliseconds from the last change being sent until all were in the kernel. */
  readonly lagMs: number;
  /** Processor time for each change in microseconds, all threads. */
  readonly cpuPerChangeUs: number;
  readonly rssMB: number;
}

/** Sends 1,000 changes a second, evenly, and sees how long after the last one the kernel has them all. */
export async function sustain(
  measured: MeasuredProcess,
  options: {
    readonly subject: Subject;
    readonly hosts: number;
    readonly seconds: number;
    readonly signal: AbortSignal;
  },
): Promise<Sustained> {
  const { subject, hosts, seconds, signal } = options;
  const changes = RATE * seconds;
  const before = await measured.order({ order: 'flow' });
  const start = performance.now();
  for (let sent = 0; sent < changes;) {
    const due = Math.min(changes, Math.ceil(((performance.now() - start) * RATE) / 1000));
    const leases = [];
    for (; sent < due; sent += 1)
      leases.push(syntheticLease(subject, (sent * 7919) % hosts, 1 + Math.floor(sent / hosts)));
    await measured.tell(leases);
    await delay(TICK_MS, undefined, { signal });
  }
  const last = performance.now();
  const after = await measured.order({ order: 'settle' });
  const lagMs = performance.now() - last;
  return {
    changes,
    seconds: rounded((last - start) / 1000, 1),
    lagMs: rounded(lagMs, 1),
    cpuPerChangeUs: rounded(((after.processMs - before.processMs) * 1000) / changes, 1),
    rssMB: rounded(after.memory.peak / 1e6, 1),
  };
}
