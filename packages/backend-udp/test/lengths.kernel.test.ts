import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Traffic } from '@overlay/backend-udp';
import type { Address } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { compareEchoes, serveEcho } from './support/echo-service.js';
import { UdpHosts } from './support/udp-hosts.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
/** Three packets and more. */
const LONGEST = 4500;
/** Streams that are many super-packets long: 32 MiB in all. */
const STREAMS = { from: 4 << 20, to: (4 << 20) + 7, step: 1 } as const;

/** Which offloads the hosts' interfaces have. */
const OFFLOADS = {
  'as they are': '',
  'no segmentation and no tunnels on the interface': 'tso off gso off tx-udp_tnl-segmentation off gro on',
  'none at all': 'tx off rx off sg off tso off gso off gro off',
} as const;
const CASES = [
  { dataPath: 'kernel', family: 'ipv4' },
  { dataPath: 'kernel', family: 'ipv6' },
  { dataPath: 'user', family: 'ipv4' },
  { dataPath: 'user', family: 'ipv6' },
] as const;

describe.each(CASES)('what pods send through the $dataPath path by $family', ({ dataPath, family }) => {
  let pair: UdpHosts;
  let to: Address;

  beforeAll(async () => {
    pair = await UdpHosts.create({ families: FAMILIES, dataPath });
    to = pair.ends[1].pod.addresses[family] as Address;
    await serveEcho(pair.lab, pair.ends[1].pod, to);
  }, 60_000);
  afterAll(() => pair[Symbol.asyncDispose](), 30_000);

  describe.each(Object.entries(OFFLOADS))('offloads: %s', (_, offloads) => {
    beforeAll(async () => {
      for (const end of pair.ends) if (offloads !== '') await end.exec(`ethtool -K eth0 ${offloads}`);
    });

    test.each(['udp', 'tcp'] as const)(
      'payloads of every length come back byte for byte, %s',
      async (protocol) => {
        expect(await compareEchoes(pair.ends[0].pod, protocol, to, { from: 1, to: LONGEST })).toBe(LONGEST);
      },
      120_000,
    );

    test('long streams come back byte for byte, also to pods without offloads', async () => {
      const [near, far] = pair.ends;
      expect(await compareEchoes(near.pod, 'tcp', to, STREAMS)).toBe(8);
      for (const { pod } of [near, far])
        await pod.exec(['ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off', 'gro', 'off']);
      expect(await compareEchoes(near.pod, 'tcp', to, STREAMS)).toBe(8);
      for (const { pod } of [near, far]) await pod.exec(['ethtool', '-K', 'eth0', 'tso', 'on', 'gso', 'on']);
    }, 120_000);
  });

  test('nothing was dropped', () => {
    for (const { counters } of pair.ends) {
      expect(counters.sent.packets).toBeGreaterThan(6 * LONGEST);
      expect({ ...counters.drops, 'unknown-destination': 0 }).toEqual({ 'unknown-destination': 0 });
    }
  });
});

test.each(['kernel', 'user'] as const)(
  'the %s path carries both families over a routed underlay',
  async (path) => {
    const dataPath = [path, path, path] as const;
    await using hosts = await UdpHosts.create({ dataPath, families: FAMILIES, underlay: 'routed' });
    const [near, ...others] = hosts.ends;
    for (const family of FAMILIES) {
      for (const { pod } of others) {
        const to = pod.addresses[family] as Address;
        await serveEcho(hosts.lab, pod, to);
        for (const from of [near.pod, near.host]) {
          expect(await compareEchoes(from, 'udp', to, { from: 1, to: 3000, step: 300 })).toBe(10);
        }
      }
    }
    if (path === 'kernel') return;
    const { peers = [] } = near.status.dataPath;
    expect(peers.map(({ key }) => key).sort()).toEqual(others.map(({ lease }) => lease.key).sort());
    // Of each peer ten answers for each of both families, to the pod and to the host.
    for (const { received } of peers) expect(received.packets).toBeGreaterThanOrEqual(40);
    for (const way of ['sent', 'received'] as const) {
      await until(`the peers' packets are all that were ${way}`, () => {
        const { peers: all = [], counters } = near.status.dataPath;
        const sum = (what: keyof Traffic): number => all.reduce((total, peer) => total + peer[way][what], 0);
        return sum('packets') === counters[way].packets && sum('bytes') === counters[way].bytes;
      });
    }
  },
  120_000,
);
