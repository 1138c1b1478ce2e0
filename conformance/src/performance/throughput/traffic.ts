import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { OverlayError } from '@overlay/core';
import type { Address } from '@overlay/core';
import { command } from '../command.js';
import type { Namespace } from '../namespace.js';

const UDP_BYTES = 64;
/** A share of datagrams so small counts as none: one scheduling pause of a loaded machine must not end the search. */
const NO_LOSS = 0.001;
const SEARCH_STEPS = 10;
const NEXT_RATE = 0.8;
/** Where the search goes on, in datagrams a second, when a flood was too much for iperf3 itself. */
const FLOOD = 200_000;
const PINGS = 2000;
const SERVER_PATIENCE_MS = 5000;

/** What one arrangement carried on one wire in one round. */
export interface Traffic {
  /** Payload of one TCP flow at the receiver, Gbit/s. */
  readonly tcpGbps: number;
  /** The same of eight flows together. */
  readonly tcp8Gbps: number;
  /** Datagrams of 64 bytes of payload that one sender delivers a second, with at most one in a thousand lost; thousands. */
  readonly udpKpps: number;
  /** Mean round-trip time of a flood ping, microseconds. */
  readonly rttUs: number;
  /** Processor seconds of the whole machine for each Gbit of the one flow. */
  readonly cpuPerGbit: number;
}

interface IperfSum {
  readonly bits_per_second: number;
  readonly packets?: number;
  readonly lost_packets?: number;
  readonly seconds: number;
}

/** Measures from one pod to another. */
export async function measureTraffic(
  from: Namespace,
  server: { readonly namespace: Namespace; readonly address: Address },
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<Traffic> {
  const { address } = server;
  const inPod = (argv: readonly string[]): Promise<string> =>
    command(['ip', 'netns', 'exec', from.name, ...argv], { signal });
  const iperf = async (...more: readonly string[]): Promise<IperfSum | undefined> => {
    const text = await inPod(['iperf3', '-J', '-c', address, '-t', String(seconds), ...more]);
    const { end } = JSON.parse(text) as {
      readonly end?: { readonly sum_received?: IperfSum; readonly sum?: IperfSum };
    };
    // A UDP report has the receiver's counts in `sum`, a TCP report in `sum_received`.
    return more.includes('-u') ? end?.sum : end?.sum_received;
  };
  const tcp = async (...more: readonly string[]): Promise<IperfSum> => {
    const sum = await iperf(...more);
    if (sum) return sum;
    throw new OverlayError('OVERLAY_BENCH_FAILED', `benchmark: iperf3 to ${address} told nothing`);
  };
  await using serving = await serve(server.namespace, address, signal);
  void serving;
  const before = busySeconds();
  const one = await tcp();
  const busy = busySeconds() - before;
  const eight = await tcp('-P', '8');
  const udpKpps = await lossless(iperf);
  const ping = await inPod(['ping', '-q', '-f', '-c', String(PINGS), address]);
  const tcpGbps = one.bits_per_second / 1e9;
  return {
    tcpGbps,
    tcp8Gbps: eight.bits_per_second / 1e9,
    udpKpps,
    rttUs: 1000 * Number(/= [\d.]+\/([\d.]+)\//.exec(ping)?.[1] ?? NaN),
    cpuPerGbit: busy / (tcpGbps * one.seconds),
  };
}

/** The highest rate without loss in thousands a second, 0 if none is found: first as fast as it goes, then less and less. */
async function lossless(iperf: (...more: readonly string[]) => Promise<IperfSum | undefined>): Promise<number> {
  const bits = 8 * UDP_BYTES;
  /** Datagrams a second to try; infinite for as fast as it goes, which iperf3 calls 0. */
  let rate = Infinity;
  for (let step = 0; step < SEARCH_STEPS; step += 1) {
    const bitrate = Number.isFinite(rate) ? Math.round(rate * bits) : 0;
    const sum = await iperf('-u', '-l', String(UDP_BYTES), '-b', String(bitrate));
    // A flood can drown iperf3's own connection; then there is no report.
    const { packets = 0, lost_packets: lost = 0, seconds } = sum ?? { seconds: 1 };
    const delivered = (packets - lost) / seconds;
    if (packets > 0 && lost <= packets * NO_LOSS) return delivered / 1000;
    // Never above what the last step tried, else the search would not come to an end.
    rate = NEXT_RATE * Math.min(packets > 0 ? delivered : FLOOD, rate);
  }
  return 0;
}

async function serve(namespace: Namespace, address: Address, signal: AbortSignal): Promise<AsyncDisposable> {
  const argv = ['netns', 'exec', namespace.name, 'iperf3', '-s', '--forceflush', '-B', address];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  const listening = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('Server listening')) resolve();
    });
  });
  const late = delay(SERVER_PATIENCE_MS, 'late', { signal, ref: false });
  const first = await Promise.race([listening, closed.then(() => 'late'), late]).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  if (first !== 'late') return { [Symbol.asyncDispose]: stop };
  await stop();
  throw new OverlayError('OVERLAY_BENCH_FAILED', `benchmark: the iperf3 server in ${namespace.name} does not come up`);
}

/** Seconds that all processors together were busy since the machine started (proc(5), /proc/stat). */
function busySeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  const TICKS_A_SECOND = 100;
  return (user + nice + system + irq + softirq) / TICKS_A_SECOND;
}
