import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LabHost } from '@overlay/lab';
import { SeededRandom } from '@overlay/core/testing';
import { OverlayLab } from '../support/overlay-lab.js';
import { until } from '../support/until.js';
import { disagreements } from './agreement.js';
import type { Step } from './churn.js';
import { Churn } from './churn.js';
import type { MemoryGrowth, MemorySample } from './memory.js';
import { growth, MemoryProbe } from './memory.js';
import { QuietPing } from './quiet-ping.js';

const OVERLAYD = fileURLToPath(new URL('../../bin/overlayd.cjs', import.meta.url));
const PROBE = fileURLToPath(new URL('../../test/soak/memory-probe.cjs', import.meta.url));
const HEALTH_PORT = 8081;
const FAMILIES = ['ipv4', 'ipv6'] as const;
/** Short enough for doubts to begin and end all the time. */
const DOUBT_HOLD_MS = 2000;
const STEP_MS = 40;
/** Of a machine that does other things too: what it takes is not what a soak finds out. */
const SETTLE_MS = 90_000;

export interface SoakOptions {
  readonly backend: string;
  /** How long there is churn, in milliseconds; at least 30,000. */
  readonly durationMs: number;
  /** The same seed gives the same steps. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Told of each sample. */
  readonly onSample?: (sample: MemorySample, elapsedMs: number) => void;
}

export interface SoakReport {
  readonly backend: string;
  readonly seconds: number;
  readonly seed: number;
  readonly steps: Readonly<Record<Step, number>>;
  /** How often an agent was ended, by a signal that it hears or one that it does not, and started again. */
  readonly restarts: number;
  /** Peers of the measured agent at the end. */
  readonly peers: number;
  /** Messages by which the measured agent changed its kernel. */
  readonly kernelWrites: number;
  /** The measured agent's memory after the warm-up and at the end, and the growth in megabytes. */
  readonly memory: { readonly first: MemorySample; readonly last: MemorySample; readonly growthMB: MemoryGrowth };
  readonly pings: { readonly sent: number; readonly lost: number };
  /** Where a kernel and the store do not agree at the end. */
  readonly disagreements: readonly string[];
}

/**
 * Three hosts under churn: leases come, go, move, turn to junk; kernels are tampered with; agents are ended and started
 * again, all but the first host's, whose memory is measured. Pods ping each other meanwhile.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { backend, seed } = options;
  await using overlay = await OverlayLab.create({ hosts: 3, families: FAMILIES, backend: { Type: backend } });
  const random = new SeededRandom(seed);
  const [measured, ...others] = overlay.lab.hosts;
  const memoryFile = overlay.file(measured, 'memory');
  for (const host of overlay.lab.hosts) start(overlay, host, host === measured ? memoryFile : undefined);
  await overlay.lab.waitReady();
  await overlay.lab.addPods();
  await overlay.lab.waitConnected();
  const probe = new MemoryProbe(memoryFile, () => measured.agent?.kill('SIGUSR2'));
  const churn = new Churn(overlay, backend, random, overlay.lab.hosts);
  churn.fill();
  const pairs = [measured, others[0]].flatMap((from) => FAMILIES.map((family) => ({ from, to: others[1], family })));
  const pings = pairs.map(
    ({ from, to, family }) =>
      new QuietPing(from.pods[0], to.pods[0].addresses[family], overlay.file(from.pods[0], family)),
  );
  try {
    return await underChurn({ options, overlay, probe, churn, random, pings });
  } finally {
    for (const ping of pings) await ping[Symbol.asyncDispose]();
    churn.close();
  }
}

interface Scene {
  readonly options: SoakOptions;
  readonly overlay: OverlayLab;
  readonly probe: MemoryProbe;
  readonly churn: Churn;
  readonly random: SeededRandom;
  readonly pings: readonly QuietPing[];
}

async function underChurn({ options, overlay, probe, churn, random, pings }: Scene): Promise<SoakReport> {
  const { backend, seed, durationMs, signal } = options;
  const [measured, ...others] = overlay.lab.hosts;
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const ended = new AbortController();
  const over = (): boolean => ended.signal.aborted || signal?.aborted === true || elapsed() >= durationMs;
  const samples: { readonly at: number; readonly sample: MemorySample }[] = [];
  let restarts = 0;
  const work = [
    repeat(over, STEP_MS, () => churn.step()),
    repeat(over, Math.min(15_000, durationMs / 5), async () => {
      await restart(overlay, random.pick(others), random.pick(['SIGKILL', 'SIGTERM']));
      restarts += 1;
    }),
    repeat(over, Math.max(1000, durationMs / 240), async () => {
      const sample = await probe.take();
      samples.push({ at: elapsed(), sample });
      options.onSample?.(sample, elapsed());
    }),
  ];
  try {
    await Promise.all(work);
  } finally {
    ended.abort();
    await Promise.allSettled(work);
  }
  signal?.throwIfAborted();

  const found = await settledDisagreements(overlay, backend);
  let [sent, lost] = [0, 0];
  for (const ping of pings) {
    const count = await ping.stop();
    [sent, lost] = [sent + count.sent, lost + count.lost];
  }
  const { peers, kernelWrites } = (await overlay.status(measured)) as { peers: number; kernelWrites: number };
  const warm = samples.filter(({ at }) => at >= warmUpMs(durationMs)).map(({ sample }) => sample);
  const memory = { first: warm[0], last: warm[warm.length - 1], growthMB: growth(warm) };
  return {
    backend,
    seconds: Math.round(durationMs / 1000),
    seed,
    steps: churn.counts,
    restarts,
    peers,
    kernelWrites,
    memory,
    pings: { sent, lost },
    disagreements: found,
  };
}

/** Until then tables grow to their size and code is compiled: a third of the time, five minutes at most. */
function warmUpMs(durationMs: number): number {
  return Math.min(durationMs / 3, 300_000);
}

/** Starts an agent, with a memory probe if its memory is to be measured. */
function start(overlay: OverlayLab, host: LabHost, memoryFile?: string): void {
  const { NODE_OPTIONS: _ignored, ...env } = process.env;
  const probe = memoryFile === undefined ? [] : ['--expose-gc', '--require', PROBE];
  host.startAgent({
    program: [process.execPath, ...probe, OVERLAYD],
    env: { ...env, ...(memoryFile !== undefined && { OVERLAY_MEMORY_FILE: memoryFile }) },
    healthPort: HEALTH_PORT,
    args: () => [
      ...overlay.flags(host),
      '--healthz-ip=127.0.0.1',
      `--healthz-port=${HEALTH_PORT}`,
      '--iface=eth0',
      `--doubt-hold=${DOUBT_HOLD_MS}ms`,
    ],
  });
}

async function restart(overlay: OverlayLab, host: LabHost, signal: NodeJS.Signals): Promise<void> {
  host.agent?.kill(signal);
  await host.agent?.exited;
  start(overlay, host);
  await host.waitReady({ timeoutMs: SETTLE_MS });
}

/** Does something again and again, with a pause after each time, until it is over. */
async function repeat(over: () => boolean, pauseMs: number, action: () => Promise<void>): Promise<void> {
  for (;;) {
    const end = performance.now() + pauseMs;
    while (performance.now() < end) {
      if (over()) return;
      await delay(Math.min(50, end - performance.now()));
    }
    await action();
  }
}

/** Waits until every kernel agrees with the store, and gives what does not when it has had time enough. */
async function settledDisagreements(overlay: OverlayLab, backend: string): Promise<readonly string[]> {
  const look = async (): Promise<readonly string[]> => {
    const each = overlay.lab.hosts.map((host) => disagreements(overlay, host, backend));
    return (await Promise.all(each)).flat();
  };
  await until(async () => (await look()).length === 0, 'every kernel agrees with the store', SETTLE_MS).catch(
    () => undefined,
  );
  return await look();
}
