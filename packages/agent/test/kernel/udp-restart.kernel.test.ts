import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { NetworkNode } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import { SteadyPing } from '../support/steady-ping.js';

/** Of requests at 1 kHz so many may stay without an answer that were sent when the new agent had said that it is ready. */
const LOST_WHEN_READY = 300;
const TCP_SECONDS = 5;

interface Report {
  readonly error?: string;
  readonly intervals: readonly { readonly sum: { readonly bytes: number } }[];
}

/** Bytes that one TCP flow carries each second, for some seconds. */
async function tcpFlow(from: NetworkNode, to: NetworkNode, log: string): Promise<() => Promise<readonly number[]>> {
  const address = to.addresses.ipv4 ?? '';
  await to.exec(['iperf3', '-s', '-1', '-D', '-B', address]);
  const argv = ['iperf3', '-J', '-c', address, '-t', String(TCP_SECONDS), '-b', '200M'];
  const child = from.spawn(argv, { logFile: log });
  const ended = once(child, 'exit');
  return async () => {
    await ended;
    const report = JSON.parse(readFileSync(log, 'utf8')) as Report;
    if (report.error !== undefined) throw new Error(report.error);
    return report.intervals.map(({ sum }) => sum.bytes);
  };
}

describe.each(['kernel', 'user'] as const)('the agent of udp, %s path, killed in the midst of traffic', (path) => {
  test('has it flow again at once, and TCP goes on', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'udp', DataPath: path } });
    await overlay.startAll();
    const [host, other] = [overlay.host(0), overlay.host(1)];
    await overlay.settled(host, 1);
    await overlay.settled(other, 1);
    const [from, to] = [host.pods[0], other.pods[0]];
    await using ping = await SteadyPing.start(from, to.addresses.ipv4, overlay.file(from, 'ping'));
    const flow = await tcpFlow(from, to, overlay.file(from, 'iperf'));
    await ping.goesOn();

    const killed = performance.now();
    host.agent?.kill('SIGKILL');
    await host.agent?.exited;
    overlay.start(host);
    await host.waitReady();
    // How long a start takes is for the machine to say; at rest it is a tenth of a second.
    const outage = performance.now() - killed;
    await overlay.settled(host, 1);
    await ping.goesOn();

    const bytes = await flow();
    const { lost } = await ping.stop();
    expect(lost.length).toBeLessThanOrEqual(path === 'kernel' ? 0 : outage + LOST_WHEN_READY);
    expect(bytes).toHaveLength(TCP_SECONDS);
    expect(bytes.at(-1)).toBeGreaterThan(1_000_000);
  }, 120_000);
});
