import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, test } from '@jest/globals';
import type { NetworkNode } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import { SteadyPing } from '../support/steady-ping.js';

/** Of requests at 1 kHz so many may stay without an answer from the kill on, and no more. */
const LOST_AT_REST = 300;
/** How long a Node that does nothing takes on a machine with nothing else to do, in milliseconds. */
const NODE_AT_REST_MS = 50;
const TCP_SECONDS = 5;
const METRICS_PORT = 9981;

interface Report {
  readonly error?: string;
  readonly intervals: readonly { readonly sum: { readonly bytes: number } }[];
}

/** What the metrics of a host's agent say of the packets that udp has sent. */
async function sentPackets(host: NetworkNode, path: string): Promise<number> {
  const read = `fetch('http://127.0.0.1:${METRICS_PORT}/metrics').then((a) => a.text()).then((t) => console.log(t))`;
  const { stdout } = await host.exec([process.execPath, '-e', read]);
  const line = new RegExp(String.raw`^overlay_udp_packets_total\{path="${path}",direction="sent"\} (\d+)$`, 'mu');
  return Number(line.exec(stdout)?.[1]);
}

/** How many times longer a Node takes now than at rest; 1 or more. */
async function slowness(node: NetworkNode): Promise<number> {
  const started = performance.now();
  await node.exec([process.execPath, '-e', '0']);
  return Math.max(1, (performance.now() - started) / NODE_AT_REST_MS);
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

    // How long things take is for the machine to say, which may have much else to do.
    const before = await slowness(host);
    host.agent?.kill('SIGKILL');
    await host.agent?.exited;
    overlay.start(host, `--metrics-port=${METRICS_PORT}`);
    await host.waitReady();
    const slower = Math.max(before, await slowness(host));
    await overlay.settled(host, 1);
    await ping.goesOn();
    expect(await sentPackets(host, path)).toBeGreaterThan(0);

    const bytes = await flow();
    const { lost } = await ping.stop();
    expect(lost.length).toBeLessThanOrEqual(path === 'kernel' ? 0 : LOST_AT_REST * slower);
    expect(bytes).toHaveLength(TCP_SECONDS);
    expect(bytes.at(-1)).toBeGreaterThan(1_000_000);
  }, 120_000);
});
