import { expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { EtcdHost } from './support/etcd-host.js';
import { EtcdServer } from './support/etcd-server.js';

describeWithEtcd('three members', () => {
  test('each is killed, stopped and started in turn; nobody loses a lease, new ones are given', async () => {
    const server = await EtcdServer.start({ members: 3 });
    const options = { confirmMs: 500, timeoutMs: 1_500, ttlSeconds: 60 };
    const hosts = Array.from({ length: 4 }, (_, at) => new EtcdHost(server, at + 1, options));
    const seen: string[] = [];
    try {
      for (const host of hosts) {
        await host.acquire();
        seen.push(host.hostId);
      }
      for (const host of hosts) await host.sees(...seen);
      const subnets = hosts.map(({ state }) => state.lease.subnets);

      for (const [at, member] of server.members.entries()) {
        // Once it is gone at once, once it falls silent as a machine does that is cut off.
        if (at === 1) member.freeze(true);
        else await member.stop();
        const late = new EtcdHost(server, 10 + at, options);
        hosts.push(late);
        await late.acquire();
        seen.push(late.hostId);
        for (const host of hosts) await host.sees(...seen);
        if (at === 1) member.freeze(false);
        else member.start();
        await server.ready();
      }
      expect(hosts.slice(0, 4).map(({ state }) => state.lease.subnets)).toEqual(subnets);
      await until('nobody has a problem', () => hosts.every(({ state }) => state.problem === undefined));
      // One or two lines for each of three deaths, not one for each attempt.
      for (const { warnings } of hosts) expect(warnings.length).toBeLessThanOrEqual(6);
      // The same events in the same order lead to one list at most.
      for (const { watched } of hosts.slice(0, 4)) expect(watched.snapshots).toBe(1);
    } finally {
      await Promise.all(hosts.map(({ manager }) => manager.close()));
      await server.dispose();
    }
  }, 120_000);

  test('without a majority the view stays as it is, and comes up to date when there is one again', async () => {
    const server = await EtcdServer.start({ members: 3 });
    const options = { confirmMs: 500, timeoutMs: 1_500 };
    const host = new EtcdHost(server, 1, options);
    const late = new EtcdHost(server, 2, options);
    try {
      await host.acquire();
      await host.sees('host-1');
      await Promise.all([server.members[0].stop(), server.members[1].stop()]);
      const acquiring = late.acquire();
      await until('it is said', () => host.warnings.length > 0, 20_000);
      expect([...host.watched.leases.keys()]).toEqual(['host-1']);
      server.members[0].start();
      server.members[1].start();
      await acquiring;
      await host.sees('host-1', 'host-2');
      expect(host.state.problem).toBeUndefined();
    } finally {
      await Promise.all([host, late].map(({ manager }) => manager.close()));
      await server.dispose();
    }
  }, 60_000);
});
