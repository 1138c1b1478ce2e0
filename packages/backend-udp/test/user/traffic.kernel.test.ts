import { afterEach, describe, expect, test } from '@jest/globals';
import type { DataPathStatus, Traffic } from '@overlay/backend-udp';
import { ping } from '@overlay/lab';
import type { LabPod } from '@overlay/lab';
import { compareEchoes, serveEcho } from '../support/echo-service.js';
import { until } from '../support/udp-pair.js';
import { UdpHosts } from '../support/udp-hosts.js';
import type { UdpHostsOptions } from '../support/udp-hosts.js';

const OFFLOADS = 'tso gso tx-udp-segmentation'.split(' ');
const TWO = [{}, {}];

let hosts: UdpHosts;
afterEach(() => hosts[Symbol.asyncDispose]());

async function podsOf(options: UdpHostsOptions): Promise<[LabPod, LabPod]> {
  hosts = await UdpHosts.create(options);
  return [hosts.hosts[0].host.pods[0], hosts.hosts[1].host.pods[0]];
}

describe('the user path carries', () => {
  test.each(['ipv4', 'ipv6'] as const)(
    'payloads of every length whole, %s',
    async (family) => {
      const [one, two] = await podsOf({ hosts: TWO, families: [family] });
      const to = two.addresses[family];
      if (to === undefined) throw new Error('no address');
      await serveEcho(hosts.lab, two, to);
      expect(await compareEchoes(one, 'udp', to, { from: 1, to: 3200 })).toBe(3200);
      expect(await compareEchoes(one, 'tcp', to, { from: 1, to: 3200 })).toBe(3200);
      expect(await compareEchoes(one, 'tcp', to, { from: 65_000, to: 400_000, step: 33_331 })).toBe(11);
      const { dataPath } = hosts.hosts[0].network.status();
      expect(dataPath.name).toBe('user');
      expect(dataPath.counters.sent.packets).toBeGreaterThan(6400);
      expect(dataPath.counters.received.packets).toBeGreaterThan(6400);
      expect(dataPath.counters.drops).toEqual({});
    },
    600_000,
  );

  test('the same over an underlay without offloads', async () => {
    const [one, two] = await podsOf({ hosts: TWO, families: ['ipv4'] });
    const to = two.addresses.ipv4;
    if (to === undefined) throw new Error('no address');
    for (const { host } of hosts.hosts) {
      await host.exec([
        'ethtool',
        '-K',
        'eth0',
        ...OFFLOADS.flatMap((name) => [name, 'off']),
        'gro',
        'on',
        'tx',
        'off',
      ]);
    }
    await serveEcho(hosts.lab, two, to);
    expect(await compareEchoes(one, 'udp', to, { from: 1, to: 4500, step: 7 })).toBe(643);
    expect(await compareEchoes(one, 'tcp', to, { from: 1, to: 4500, step: 7 })).toBe(643);
    expect(await compareEchoes(one, 'tcp', to, { from: 65_000, to: 400_000, step: 33_331 })).toBe(11);
  }, 600_000);

  test('both families over a routed underlay, from pods and from hosts', async () => {
    const [one, two] = await podsOf({ hosts: [{}, {}, {}], families: ['ipv4', 'ipv6'], underlay: 'routed' });
    const three = hosts.hosts[2].host.pods[0];
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const from of [one, hosts.hosts[0].host]) {
        for (const pod of [two, three]) {
          const to = pod.addresses[family];
          if (to === undefined) throw new Error('no address');
          expect((await ping(from, to, { count: 3 })).received).toBeGreaterThan(0);
        }
      }
    }
    const [own, ...others] = hosts.hosts;
    const told = (): DataPathStatus => own.network.status().dataPath;
    const { peers = [] } = told();
    expect(peers.map(({ key }) => key).sort()).toEqual(others.map(({ lease }) => lease.key).sort());
    // Of each peer at least one answer for each of both families, to the pod and to the host.
    for (const { received } of peers) expect(received.packets).toBeGreaterThanOrEqual(4);
    for (const way of ['sent', 'received'] as const) {
      await until(`the peers' packets are all that were ${way}`, () => {
        const { peers: all = [], counters } = told();
        const sum = (what: keyof Traffic): number => all.reduce((total, peer) => total + peer[way][what], 0);
        return sum('packets') === counters[way].packets && sum('bytes') === counters[way].bytes;
      });
    }
  }, 60_000);
});
