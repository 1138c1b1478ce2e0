import { OverlayError } from '@overlay/core';
import type { Host, Lease } from '@overlay/core';
import { command } from '../command.js';
import { makeNamespace } from '../namespace.js';
import type { Namespace } from '../namespace.js';
import { median, percentile, rounded } from '../statistics.js';
import { loadSubject } from '../subject.js';
import type { Subject } from '../subject.js';
import { countObjects, loadObjects, readObjects } from './ip-batch.js';
import type { BatchLines, BatchTime } from './ip-batch.js';
import { MeasuredProcess, measuredProgram } from './measured-process.js';
import { checkHosts, OWN_ADDRESS, syntheticHost, syntheticLease, UNDERLAY_LENGTH } from './population.js';
import type { Answer } from './protocol.js';
import { sustain } from './sustain.js';
import type { Sustained } from './sustain.js';

/** What to measure. */
export interface ScaleOptions {
  /** Path of the backend's subject module. */
  readonly subject: string;
  /**
   * What Node is given to run the measured process: a file that calls `runMeasured` with the subject, bundled like an
   * agent, whose memory and start it is to have. Default: one that loads the modules as they are.
   */
  readonly program?: readonly string[];
  /** 1 to 65,534. */
  readonly hosts: number;
  /** Rounds, of which the medians are told; 3 unless told. */
  readonly rounds?: number;
  /** Changes one at a time in each round; 1,000 unless told. */
  readonly changes?: number;
  /** Seconds of 1,000 changes each, after the rounds; 0 unless told. */
  readonly sustainSeconds?: number;
  readonly signal: AbortSignal;
  /** Told what is going on. */
  readonly progress?: (text: string) => void;
}

/** What was measured. Times are medians of the rounds in milliseconds, memory in millions of bytes. */
export interface ScaleReport {
  readonly backend: string;
  readonly hosts: number;
  /** Objects of the peers in the kernel. */
  readonly objects: number;
  /** From the snapshot being applied until the kernel has everything, in a process just started. */
  readonly convergeMs: number;
  /** The same objects by `ip -batch` and `bridge -batch`. */
  readonly ipBatchMs: number;
  /** `convergeMs` by `ipBatchMs`. */
  readonly ratio: number;
  /** Processor time of both, all threads, and their ratio. */
  readonly convergeCpuMs: number;
  readonly ipBatchCpuMs: number;
  readonly cpuRatio: number;
  readonly changeP50Ms: number;
  readonly changeP99Ms: number;
  /** As `convergeMs`, with everything there already. */
  readonly restartMs: number;
  /** The most of all rounds. */
  readonly restartWrites: number;
  /** `ip link set … down` on the device that the routes leave by, the agent running. */
  readonly linkDownMs: number;
  /** From the device being up again until everything is back. */
  readonly linkRestoreMs: number;
  /** Most memory resident at any time in the measured process: first convergence and changes. */
  readonly rssMB: number;
  readonly restartRssMB: number;
  readonly rounds: readonly Omit<Round, 'changesMs'>[];
  readonly sustained?: Sustained;
}

/** One round. */
export interface Round {
  readonly objects: number;
  readonly converge: BatchTime;
  readonly ipBatch: BatchTime;
  readonly changesMs: readonly number[];
  readonly restartMs: number;
  readonly restartWrites: number;
  readonly linkDownMs: number;
  readonly linkRestoreMs: number;
  readonly rssMB: number;
  readonly restartRssMB: number;
}

/**
 * Measures how a backend's Network copes with many hosts: synthetic leases, the real kernel, a namespace for each round.
 *
 * @throws OverlayError `OVERLAY_BENCH_OPTION`, `OVERLAY_BENCH_SUBJECT`, `OVERLAY_BENCH_FAILED` when what is in the kernel
 * is not what should be, `OVERLAY_BENCH_COMMAND`, `OVERLAY_ABORTED`.
 */
export async function benchScale(options: ScaleOptions): Promise<ScaleReport> {
  const { rounds: wanted = 3, progress = (): void => undefined, sustainSeconds = 0 } = options;
  checkHosts(options.hosts);
  const subject = await loadSubject(options.subject);
  const rounds: Round[] = [];
  for (let number = 1; number <= wanted; number += 1) {
    const round = await measureRound(options, subject);
    rounds.push(round);
    const { converge, ipBatch } = round;
    progress(`round ${number}: converged in ${converge.ms.toFixed(0)} ms, ip -batch in ${ipBatch.ms.toFixed(0)} ms`);
  }
  const sustained = sustainSeconds > 0 ? await sustainAtFullTable(options, subject, sustainSeconds) : undefined;
  const middle = (of: (round: Round) => number, digits = 1): number => rounded(median(rounds.map(of)), digits);
  const changes = rounds.flatMap(({ changesMs }) => changesMs);
  const ratioOf = (of: (time: BatchTime) => number): number =>
    rounded(median(rounds.map(({ converge }) => of(converge))) / median(rounds.map(({ ipBatch }) => of(ipBatch))), 3);
  return {
    backend: subject.type,
    hosts: options.hosts,
    objects: middle(({ objects }) => objects),
    convergeMs: middle(({ converge }) => converge.ms),
    ipBatchMs: middle(({ ipBatch }) => ipBatch.ms),
    ratio: ratioOf(({ ms }) => ms),
    convergeCpuMs: middle(({ converge }) => converge.cpuMs),
    ipBatchCpuMs: middle(({ ipBatch }) => ipBatch.cpuMs),
    cpuRatio: ratioOf(({ cpuMs }) => cpuMs),
    changeP50Ms: rounded(percentile(changes, 0.5), 3),
    changeP99Ms: rounded(percentile(changes, 0.99), 3),
    restartMs: middle(({ restartMs }) => restartMs),
    restartWrites: Math.max(...rounds.map(({ restartWrites }) => restartWrites)),
    linkDownMs: middle(({ linkDownMs }) => linkDownMs),
    linkRestoreMs: middle(({ linkRestoreMs }) => linkRestoreMs),
    rssMB: middle(({ rssMB }) => rssMB),
    restartRssMB: middle(({ restartRssMB }) => restartRssMB),
    rounds: rounds.map(({ changesMs: _, ...rest }) => rest),
    ...(sustained ? { sustained } : {}),
  };
}

async function measureRound(options: ScaleOptions, subject: Subject): Promise<Round> {
  const { signal, changes = 1000, hosts } = options;
  await using namespace = await makeHost(signal);
  const first = await start(options, namespace);
  let converged: Answer;
  let lines: BatchLines;
  let changed: Answer;
  try {
    await first.tell(population(subject, hosts));
    converged = await first.order({ order: 'snapshot' });
    lines = await readObjects(namespace, signal);
    checkComplete(converged, lines, hosts);
    // The second half restores what the first half changed, so that the restart finds nothing to write.
    const half = Math.min(hosts, Math.ceil(changes / 2));
    await first.tell([...movedLeases(subject, hosts, half, 1), ...movedLeases(subject, hosts, half, 0)]);
    changed = await first.order({ order: 'changes' });
  } finally {
    await first.kill();
  }
  const ipBatch = await measureIpBatch(options, lines);
  await using second = await start(options, namespace);
  await second.tell(population(subject, hosts));
  const restarted = await second.order({ order: 'snapshot' });
  const { linkDownMs, linkRestoreMs } = await measureLinkDown(second, namespace, lines, signal);
  return {
    objects: countObjects(lines),
    converge: { ms: onlyTime(converged), cpuMs: converged.cpuMs },
    ipBatch,
    changesMs: changed.ms,
    restartMs: onlyTime(restarted),
    restartWrites: restarted.writes,
    linkDownMs,
    linkRestoreMs,
    rssMB: changed.memory.peak / 1e6,
    restartRssMB: restarted.memory.peak / 1e6,
  };
}

/** The device and all else that is not a peer's is made by the backend itself, in a namespace of its own. */
async function measureIpBatch(options: ScaleOptions, lines: BatchLines): Promise<BatchTime> {
  await using namespace = await makeHost(options.signal);
  {
    await using alone = await start(options, namespace);
    await alone.order({ order: 'snapshot' });
  }
  const time = await loadObjects(namespace, lines, options.signal);
  const loaded = countObjects(await readObjects(namespace, options.signal));
  if (loaded === countObjects(lines)) return time;
  throw new OverlayError(
    'OVERLAY_BENCH_FAILED',
    `benchmark: ip -batch left ${loaded} of ${countObjects(lines)} objects`,
  );
}

async function measureLinkDown(
  measured: MeasuredProcess,
  namespace: Namespace,
  { device, ...lines }: BatchLines,
  signal: AbortSignal,
): Promise<{ readonly linkDownMs: number; readonly linkRestoreMs: number }> {
  const set = (state: string): Promise<string> =>
    command(['ip', '-n', namespace.name, 'link', 'set', device, state], { signal });
  const start = performance.now();
  await set('down');
  const down = performance.now();
  await set('up');
  const wanted = countObjects({ device, ...lines });
  for (;;) {
    const { amiss } = await measured.order({ order: 'settle' });
    const restored = performance.now();
    if (amiss === 0 && countObjects(await readObjects(namespace, signal)) === wanted) {
      return { linkDownMs: down - start, linkRestoreMs: restored - down };
    }
    if (restored - down > 60_000) {
      throw new OverlayError(
        'OVERLAY_BENCH_FAILED',
        `benchmark: 60 s after ${device} was down, ${amiss} objects are amiss`,
      );
    }
  }
}

async function sustainAtFullTable(options: ScaleOptions, subject: Subject, seconds: number): Promise<Sustained> {
  await using namespace = await makeHost(options.signal);
  await using measured = await start(options, namespace);
  await measured.tell(population(subject, options.hosts));
  await measured.order({ order: 'snapshot' });
  // Awaited here: the process is killed when this function is left.
  return await sustain(measured, { subject, hosts: options.hosts, seconds, signal: options.signal });
}

/** A host alone: an interface with all peers on its link, and a default route. */
function makeHost(signal: AbortSignal): Promise<Namespace> {
  const lines = [
    'link set lo up',
    'link add eth0 type veth peer name wire',
    `addr add ${OWN_ADDRESS}/${UNDERLAY_LENGTH} dev eth0`,
    'link set eth0 up',
    'link set wire up',
    'route add default via 172.31.255.254',
  ];
  return makeNamespace(lines, signal);
}

async function start(options: ScaleOptions, namespace: Namespace): Promise<MeasuredProcess> {
  const { subject, signal, program = measuredProgram(subject) } = options;
  const measured = new MeasuredProcess(program, signal);
  try {
    const host = await readHost(namespace, signal);
    await measured.order({ order: 'open', netns: namespace.path, host });
    return measured;
  } catch (error) {
    await measured.kill();
    throw error;
  }
}

async function readHost({ name }: Namespace, signal: AbortSignal): Promise<Host> {
  const shown = JSON.parse(await command(['ip', '-n', name, '-j', 'link', 'show', 'eth0'], { signal })) as [
    { readonly ifindex: number },
  ];
  return syntheticHost({ name: 'eth0', index: shown[0].ifindex });
}

function* population(subject: Subject, hosts: number): Iterable<Lease> {
  for (let index = 0; index < hosts; index += 1) yield syntheticLease(subject, index);
}

/** Hosts spread over the table: a prime step visits each once. */
function* movedLeases(subject: Subject, hosts: number, count: number, moves: number): Iterable<Lease> {
  for (let n = 0; n < count; n += 1) yield syntheticLease(subject, (n * 7919) % hosts, moves);
}

function checkComplete(answer: Answer, { ip }: BatchLines, hosts: number): void {
  if (answer.amiss === 0 && ip.length >= hosts) return;
  const found = `${ip.length} objects, ${answer.amiss} amiss`;
  throw new OverlayError('OVERLAY_BENCH_FAILED', `benchmark: the kernel does not have ${hosts} hosts: ${found}`);
}

function onlyTime({ ms }: Answer): number {
  return ms[0] ?? NaN;
}
