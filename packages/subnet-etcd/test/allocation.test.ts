import { setMaxListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { NetConf, OwnLeaseState } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import { EtcdConnections, EtcdSubnetManager } from '@overlay/subnet-etcd';
import { firstValueFrom } from 'rxjs';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { attributesOf, SUBNETS } from './support/etcd-host.js';
import { EtcdServer } from './support/etcd-server.js';

const COUNT = 1_000;
const WIDE = parseNetConf('{"Network":"10.0.0.0/8"}');
/** Exactly as many subnets as there are hosts. */
const TIGHT = parseNetConf('{"Network":"10.0.0.0/8","SubnetMin":"10.1.0.0","SubnetMax":"10.4.231.0"}');
/** The IPv6 subnets are scarce: nothing about the names of leases keeps two hosts from taking one of them. */
const TIGHT_DUAL = parseNetConf(
  '{"Network":"10.0.0.0/8","EnableIPv6":true,"IPv6Network":"fd00:5::/48",' +
    '"IPv6SubnetMin":"fd00:5:0:100::","IPv6SubnetMax":"fd00:5:0:13f::"}',
);

describeWithEtcd('all at once', () => {
  let server: EtcdServer;
  let managers: EtcdSubnetManager[] = [];
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server.dispose());
  afterEach(async () => {
    await Promise.all(managers.map((manager) => manager.close()));
    managers = [];
    await server.ctl('del', '--prefix', '/');
  });

  /** Has so many hosts, each with a manager of its own, ask in the same moment. */
  async function acquireAll(count: number, netConf: NetConf): Promise<{ states: OwnLeaseState[]; perSecond: number }> {
    const connections = new EtcdConnections();
    managers = Array.from(
      { length: count },
      () => new EtcdSubnetManager({ endpoints: server.urls, timeoutMs: 30_000, connections }),
    );
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const start = performance.now();
    const owns = await Promise.all(
      managers.map((manager, at) => {
        const attributes = attributesOf(1, netConf);
        const ipv4 = { publicIP: `172.16.${at >> 8}.${at & 255}` };
        const ipv6 = attributes.ipv6 && { ipv6: { publicIP: `2001:db8::${at.toString(16)}:1` } };
        const request = { hostId: `host-${at}`, netConf, attributes: { ...attributes, ipv4, ...ipv6 } };
        return manager.acquire(request as Parameters<typeof manager.acquire>[0], { signal });
      }),
    );
    const perSecond = Math.round((count * 1000) / (performance.now() - start));
    return { states: await Promise.all(owns.map((own) => firstValueFrom(own.state$))), perSecond };
  }

  test.each([
    ['with room', WIDE, COUNT],
    ['into a range with exactly as many', TIGHT, COUNT],
    ['with exactly as many in IPv6', TIGHT_DUAL, 64],
  ])(
    'all get different subnets, %s',
    async (_, netConf, count) => {
      const { states, perSecond } = await acquireAll(count, netConf);
      for (const family of ['ipv4', 'ipv6'] as const) {
        if (netConf[family] === undefined) continue;
        expect(new Set(states.map(({ lease }) => lease.subnets[family])).size).toBe(count);
      }
      expect(states.filter(({ problem }) => problem !== undefined)).toEqual([]);
      const stored = await server.keys(SUBNETS);
      expect(stored).toHaveLength(count);
      expect(new Set(stored.map(({ lease }) => lease)).size).toBe(count);
      process.stdout.write(`${count} acquisitions at once, ${_}: ${perSecond} a second\n`);
    },
    120_000,
  );

  test('nothing is left of attempts that came too late: one etcd lease for each subnet', async () => {
    const granted = async (): Promise<string[]> => (await server.ctl('lease', 'list')).trim().split('\n').slice(1);
    const before = new Set(await granted());
    await acquireAll(64, TIGHT_DUAL);
    expect((await granted()).filter((lease) => !before.has(lease))).toHaveLength(64);
  });
});
