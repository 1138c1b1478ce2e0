import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import type { DropReason } from '@overlay/backend-udp';
import type { NetworkNode } from '@overlay/lab';
import { echoRequest } from '../support/packets.js';
import type { UdpEnd } from '../support/udp-pair.js';
import { program, UdpPair, until } from '../support/udp-pair.js';

const address = (text: string): Address => text as Address;

async function send(from: NetworkNode, to: UdpEnd, times: number, ...packets: readonly Buffer[]): Promise<void> {
  const payloads = packets.map((packet) => packet.toString('hex'));
  await from.exec(program('send-datagrams', to.host.addresses.ipv4 ?? '', 8285, times, ...payloads));
}

describe('datagrams made by hand', () => {
  let pair: UdpPair;
  let near: UdpEnd;
  let far: UdpEnd;
  /** The pods. */
  let from: Address;
  let to: Address;

  const create = async (backend: object): Promise<void> => {
    pair = await UdpPair.create({ hosts: 3, backend });
    [near, far] = pair.ends;
    from = near.pod.addresses.ipv4 as Address;
    to = far.pod.addresses.ipv4 as Address;
  };
  /** What the far host has counted of one sort since. */
  const counted = (reason: DropReason, before = 0): number => (far.counters.drops[reason] ?? 0) - before;

  beforeEach(async () => {
    await create({});
    expect(await pair.ping()).toBe(3);
  }, 60_000);
  afterEach(() => pair[Symbol.asyncDispose](), 30_000);

  test('in flannel’s format are delivered, and their answers come back', async () => {
    const before = far.counters;
    const answersBefore = near.counters.received.packets;
    await send(near.host, far, 5, echoRequest(from, to));
    await until('five came in', () => far.counters.received.packets >= before.received.packets + 5);
    await until('five answers came back', () => near.counters.received.packets >= answersBefore + 5);
    expect(far.counters.drops).toEqual(before.drops);
  });

  test.each<[string, DropReason, (twist: { from: Address; to: Address }) => Buffer]>([
    ['with a source of another host', 'wrong-source', (pods) => echoRequest(address('10.244.77.2'), pods.to)],
    ['with a source of the receiver', 'wrong-source', (pods) => echoRequest(address('10.244.2.99'), pods.to)],
    ['with the receiver’s own address', 'wrong-source', (pods) => echoRequest(address('192.168.77.12'), pods.to)],
    ['for somebody else', 'wrong-destination', (pods) => echoRequest(pods.from, address('10.244.1.9'))],
    ['for the receiver itself', 'wrong-destination', (pods) => echoRequest(pods.from, address('192.168.77.12'))],
    ['that are empty', 'malformed', () => Buffer.alloc(0)],
    ['of one byte', 'malformed', () => Buffer.from('45', 'hex')],
    ['with a header that is cut off', 'malformed', (pods) => echoRequest(pods.from, pods.to).subarray(0, 19)],
    ['of version 5', 'malformed', (pods) => echoRequest(pods.from, pods.to, { version: 5 })],
    ['with a header that is too short', 'malformed', (pods) => echoRequest(pods.from, pods.to, { words: 4 })],
    ['with a header longer than all', 'malformed', (pods) => echoRequest(pods.from, pods.to, { words: 15, told: 40 })],
    ['that say to be longer', 'malformed', (pods) => echoRequest(pods.from, pods.to, { told: 400 })],
    ['that say to be shorter', 'malformed', (pods) => echoRequest(pods.from, pods.to, { told: 40 })],
  ])('%s are dropped as %s', async (_, reason, packet) => {
    const received = far.counters.received.packets;
    const before = counted(reason);
    await send(near.host, far, 3, packet({ from, to }));
    await until('three are counted', () => counted(reason, before) === 3);
    expect(far.counters.received.packets).toBe(received);
    expect(await pair.ping()).toBe(3);
  });

  test('of a stranger are dropped, also in floods, and named if they use a peer’s subnet', async () => {
    const before = counted('unknown-sender');
    const flood = send(pair.stranger, far, 10_000, echoRequest(from, to), echoRequest(address('9.9.9.9'), to));
    expect(await pair.ping(200)).toBe(200);
    await flood;
    await until('all are counted', () => counted('unknown-sender', before) === 20_000);
    const told = far.status.problems.map(({ message }) => message);
    expect(told).toContainEqual(
      expect.stringMatching(/^packets of 10\.244\.1\.2 come from 192\.168\.77\.13, .*--public-ip/),
    );
    expect(told).not.toContainEqual(expect.stringContaining('9.9.9.9'));
  });

  test('pass and are counted with Filter count, and pass without a word with Filter off', async () => {
    for (const [filter, passed] of [
      ['count', 3],
      ['off', 0],
    ] as const) {
      await far.close();
      await far.reopen([near.lease], { Filter: filter });
      const before = far.counters;
      await send(pair.stranger, far, 3, echoRequest(from, to));
      await until('they came in', () => far.counters.received.packets >= before.received.packets + 3);
      const since = (far.counters.passed['unknown-sender'] ?? 0) - (before.passed['unknown-sender'] ?? 0);
      expect(since).toBe(passed);
      expect(far.counters.drops).toEqual(before.drops);
    }
  });
});
