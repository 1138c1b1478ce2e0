import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Address } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';
import { poll } from '../system/poll.js';

/** What traffic to send. */
export interface ThroughputOptions {
  readonly protocol?: 'tcp' | 'udp';
  /** Whole seconds, at least 1; default 2. */
  readonly seconds?: number;
  /** Flows at once; default 1. */
  readonly streams?: number;
  /** UDP only: bits a second for each flow, as iperf3 writes them (`100M`); default as fast as it goes. */
  readonly bitrate?: string;
  /** Bytes of payload for one write, for UDP of one datagram; default iperf3's. */
  readonly length?: number;
  /** UDP over IPv4 only: datagrams must not be fragmented. */
  readonly dontFragment?: boolean;
  readonly signal?: AbortSignal;
}

/** What arrived. */
export interface Throughput {
  /** Megabits a second of payload at the receiver. */
  readonly mbps: number;
  /** TCP segments that were sent again; null for UDP. */
  readonly retransmits: number | null;
  /** Datagrams that did not arrive, in percent; null for TCP. */
  readonly lostPercent: number | null;
}

interface IperfSum {
  readonly bits_per_second: number;
  readonly retransmits?: number;
  readonly lost_percent?: number;
}

interface IperfReport {
  readonly error?: string;
  readonly end?: { readonly sum_received?: IperfSum; readonly sum_sent?: IperfSum; readonly sum?: IperfSum };
}

/** The arguments of the iperf3 client. */
export function iperfClientArgv(to: Address, options: ThroughputOptions): string[] {
  const { protocol = 'tcp', seconds = 2, streams = 1, bitrate, length, dontFragment } = options;
  return [
    ...['iperf3', '-J', '-c', to, '-t', String(seconds), '-P', String(streams)],
    ...(protocol === 'udp' ? ['-u', '-b', bitrate ?? '0'] : []),
    ...(length === undefined ? [] : ['-l', String(length)]),
    ...(dontFragment === true ? ['--dont-fragment'] : []),
  ];
}

/**
 * Reads the client's JSON report.
 *
 * @throws OverlayError `OVERLAY_LAB_THROUGHPUT` with iperf3's own words.
 */
export function parseIperf(text: string, what: string): Throughput {
  let report: IperfReport;
  try {
    report = JSON.parse(text) as IperfReport;
  } catch (cause) {
    throw new OverlayError('OVERLAY_LAB_THROUGHPUT', `${what}: iperf3 gave no report`, { cause });
  }
  const received = report.end?.sum_received ?? report.end?.sum;
  if (report.error !== undefined || received === undefined) {
    throw new OverlayError('OVERLAY_LAB_THROUGHPUT', `${what}: iperf3: ${report.error ?? 'nothing received'}`);
  }
  return {
    mbps: received.bits_per_second / 1e6,
    retransmits: report.end?.sum_sent?.retransmits ?? null,
    lostPercent: report.end?.sum?.lost_percent ?? null,
  };
}

async function waitListening(server: ChildProcess, log: string, what: string, signal?: AbortSignal): Promise<void> {
  const up = await poll(
    () => {
      if (server.exitCode !== null)
        throw new OverlayError('OVERLAY_LAB_THROUGHPUT', `${what}: ${readFileSync(log, 'utf8').trim()}`);
      return readFileSync(log, 'utf8').includes('Server listening');
    },
    { timeoutMs: 5000, signal },
  );
  if (!up) throw new OverlayError('OVERLAY_LAB_THROUGHPUT', `${what}: the iperf3 server did not come up within 5 s`);
}

/**
 * Sends traffic from one node to another for some seconds, by iperf3.
 *
 * @param to the address of `server` to connect to.
 * @throws OverlayError `OVERLAY_LAB_THROUGHPUT`, `OVERLAY_LAB_OPTION`, `OVERLAY_ABORTED`.
 */
export async function throughput(
  client: NetworkNode,
  server: NetworkNode,
  to: Address,
  options: ThroughputOptions = {},
): Promise<Throughput> {
  const what = `throughput from ${client.name} to ${server.name} (${to})`;
  const { seconds = 2 } = options;
  // iperf3 cuts a fraction off, and takes 0 for ever.
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new OverlayError('OVERLAY_LAB_OPTION', `${what}: seconds: expected an integer from 1, got ${seconds}`, {
      key: 'seconds',
    });
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'overlay-lab-'));
  const log = path.join(folder, 'server.log');
  const serving = server.spawn(['iperf3', '-s', '-1', '--forceflush', '-B', to], { logFile: log });
  const ended = new Promise<void>((resolve) => {
    serving.once('exit', () => resolve());
    serving.once('error', () => resolve());
  });
  try {
    await waitListening(serving, log, what, options.signal);
    const { stdout } = await client.exec(iperfClientArgv(to, options), { check: false, signal: options.signal });
    return parseIperf(stdout, what);
  } finally {
    serving.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}
