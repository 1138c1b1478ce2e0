import process from 'node:process';
import type { Address } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';

/** How to ping. */
export interface PingOptions {
  /** Echo requests to send; default 3. */
  readonly count?: number;
  /** Seconds between two of them; default 0.05. */
  readonly interval?: number;
  /** Seconds to wait for the last answer; default 1. */
  readonly timeout?: number;
  /**
   * Size of the whole IP packet in bytes, sent with "don't fragment"; default 84 (IPv4), 104 (IPv6), fragments allowed.
   */
  readonly packetSize?: number;
  readonly signal?: AbortSignal;
}

/** What came back. */
export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Median round-trip time in milliseconds, which the first packet's wait for a neighbour does not spoil; null when none came back. */
  readonly rttMs: number | null;
  /** What `ping` said about what did not come back. */
  readonly problem?: string;
}

/** Bytes of an IP header and an ICMP echo header. */
const HEADERS = { ipv4: 20 + 8, ipv6: 40 + 8 } as const;

/** The argv of iputils' `ping` for these options. */
export function pingArgv(to: Address, options: PingOptions = {}): string[] {
  const { count = 3, interval = 0.05, timeout = 1, packetSize } = options;
  const headers = to.includes(':') ? HEADERS.ipv6 : HEADERS.ipv4;
  const size = packetSize === undefined ? [] : ['-M', 'do', '-s', String(packetSize - headers)];
  return ['ping', '-n', '-c', String(count), '-i', String(interval), '-W', String(timeout), ...size, to];
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1];
}

/** Reads what iputils' `ping` printed. A `ping` that could not send at all has sent `count` that did not come back. */
export function parsePing(stdout: string, stderr: string, count: number): PingResult {
  const totals = /^(\d+) packets transmitted, (\d+) received/m.exec(stdout);
  const rtts = [...stdout.matchAll(/^\d+ bytes from .* time=([\d.]+) ms/gm)].map((match) => Number(match[1]));
  const sent = totals === null ? count : Number(totals[1]);
  // Duplicates are counted apart by ping, so an answer is an answer to one request.
  const received = totals === null ? 0 : Number(totals[2]);
  if (received >= sent && sent > 0) return { sent, received, rttMs: median(rtts) };
  const told = [...stderr.split('\n'), ...stdout.split('\n')].find((line) =>
    /^ping: |^nsenter: |^From .* (?:Unreachable|unreachable|exceeded|Frag needed|too big)|[Mm]essage too long/.test(
      line,
    ),
  );
  const problem = (told ?? 'no answer')
    .replace(/^ping: /, '')
    .replace(/ icmp_seq=\d+/, '')
    .trim();
  return { sent, received, rttMs: median(rtts), problem };
}

/** Pings an address from a host or a pod. Silence is a result, no error. */
export async function ping(from: NetworkNode, to: Address, options: PingOptions = {}): Promise<PingResult> {
  const { stdout, stderr } = await from.exec(pingArgv(to, options), {
    check: false,
    signal: options.signal,
    // The output is read by the patterns above, in English and with a decimal point.
    env: { ...process.env, LC_ALL: 'C' },
  });
  return parsePing(stdout, stderr, options.count ?? 3);
}
