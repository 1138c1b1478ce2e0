import { openSync, closeSync, statSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';
import { endingWithParent, inNetns } from '../system/netns.js';
import { poll } from '../system/poll.js';
import { run } from '../system/run.js';

/** Packets being written to a file. */
export interface Capture extends AsyncDisposable {
  /** A pcap file; it grows with each packet. */
  readonly file: string;
  /** The packets until now, one line each as tcpdump prints them, numbers not names. `more` are further tcpdump options. */
  text(more?: readonly string[]): Promise<string>;
  /**
   * Waits until the text matches.
   *
   * @throws OverlayError `OVERLAY_LAB_CAPTURE` with the last packets when the time is up.
   */
  until(pattern: RegExp, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<string>;
  /** Ends it; the file stays until the lab is closed. */
  stop(): Promise<void>;
}

/**
 * Captures on a device of a host or a pod. Resolves once packets are being captured.
 *
 * @param filter in pcap-filter(7)'s language; empty for everything.
 * @throws OverlayError `OVERLAY_LAB_CAPTURE` with tcpdump's own words (no such device, a filter it cannot parse).
 */
export async function capture(
  node: NetworkNode,
  device: string,
  filter: string,
  file: string,
  options: { signal?: AbortSignal } = {},
): Promise<Capture> {
  const what = `capture on ${device} of ${node.name}`;
  const tcpdump = ['tcpdump', '-U', '--immediate-mode', '-n', '-i', device, '-w', '-', ...(filter ? [filter] : [])];
  // tcpdump gives up root before it opens a file, so the file is opened here.
  const output = openSync(file, 'w');
  const [program, ...args] = endingWithParent(inNetns(node.netns, tcpdump));
  const child = spawn(program, args, { detached: true, stdio: ['ignore', output, 'pipe'] });
  closeSync(output);
  let told = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (told += text));
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGINT');
    await ended;
  };
  const text = async (more: readonly string[] = []): Promise<string> => {
    // A capture without a packet has at least its file header, once tcpdump has begun to write.
    if (statSync(file).size === 0) return '';
    return (await run(['tcpdump', '-n', ...more, '-r', file], { check: false })).stdout;
  };
  const until: Capture['until'] = async (pattern, { timeoutMs = 5000, signal } = {}) => {
    let last = '';
    const found = await poll(async () => pattern.test((last = await text())), { timeoutMs, intervalMs: 50, signal });
    if (found) return last;
    const tail = last.trim().split('\n').slice(-3).join(' | ') || 'no packet';
    throw new OverlayError('OVERLAY_LAB_CAPTURE', `${what}: ${String(pattern)} not seen in ${timeoutMs} ms: ${tail}`);
  };
  let up = false;
  try {
    up = await poll(() => /listening on/.test(told) || child.exitCode !== null, {
      timeoutMs: 5000,
      signal: options.signal,
    });
  } finally {
    if (!up) await stop();
  }
  if (!/listening on/.test(told)) {
    await stop();
    throw new OverlayError('OVERLAY_LAB_CAPTURE', `${what}: ${told.trim().split('\n').at(-1) ?? 'tcpdump ended'}`);
  }
  return { file, text, until, stop, [Symbol.asyncDispose]: stop };
}
