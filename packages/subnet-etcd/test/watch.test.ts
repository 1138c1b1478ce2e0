import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import { RecordingLogger, until } from '@overlay/core/testing';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { EtcdHost, PREFIX, SUBNETS } from './support/etcd-host.js';
import { EtcdServer } from './support/etcd-server.js';
import { TcpProxy } from './support/tcp-proxy.js';

const value = (n: number): string => `{"PublicIP":"192.0.2.${n}","PublicIPv6":null,"BackendType":"host-gw"}`;

describeWithEtcd('following etcd', () => {
  let server: EtcdServer;
  let proxy: TcpProxy;
  const hosts: EtcdHost[] = [];
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server.dispose());
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.manager.close()));
    await proxy?.dispose();
    await server.ctl('del', '--prefix', '/');
  });

  /** A host whose wire to etcd can be disturbed. */
  async function behindProxy(options: ConstructorParameters<typeof EtcdHost>[2] = {}): Promise<EtcdHost> {
    proxy = await TcpProxy.to(server.urls[0]);
    const host = new EtcdHost({ urls: [proxy.url] }, 1, options);
    hosts.push(host);
    await until('a first list', () => host.watched.snapshots === 1);
    return host;
  }

  const putPeer = (n: number): Promise<void> => server.put(`${SUBNETS}10.5.${n}.0-24`, value(n));

  test('a cut watch goes on where it was, without a new list', async () => {
    const host = await behindProxy();
    await putPeer(2);
    await host.sees('10.5.2.0-24');
    proxy.cut(true);
    await putPeer(3);
    await server.ctl('del', `${SUBNETS}10.5.2.0-24`);
    proxy.cut(false);
    await host.sees('10.5.3.0-24');
    expect(host.watched.snapshots).toBe(1);
  });

  test('a connection that was lost while nobody asked is made anew', async () => {
    proxy = await TcpProxy.to(server.urls[0]);
    const logger = new RecordingLogger();
    const manager = new EtcdSubnetManager({ endpoints: [proxy.url], logger });
    const { signal } = new AbortController();
    try {
      expect(await manager.previous('host-1', { signal })).toBeUndefined();
      proxy.cut(true);
      await until('it is lost', () => proxy.open === 0);
      proxy.cut(false);
      await until('the next question is answered', () =>
        manager.previous('host-1', { signal }).then(
          () => true,
          () => false,
        ),
      );
      expect([proxy.connections, ...logger.lines]).toEqual([2]);
    } finally {
      await manager.close();
    }
  });

  test('a cut that lasts is said once, and its end once', async () => {
    const host = await behindProxy();
    proxy.cut(true);
    await until('it is said', () => host.warnings.length > 0);
    await putPeer(2);
    proxy.cut(false);
    await host.sees('10.5.2.0-24');
    expect(host.logger.lines).toEqual([
      expect.stringMatching(/^warn watching \/coreos.com\/network: etcd at .*what is known stays, trying again$/),
      'info etcd: it answers again',
    ]);
  });

  test('history that was compacted while the watch was cut means a new list', async () => {
    const host = await behindProxy();
    await putPeer(2);
    await putPeer(3);
    await host.sees('10.5.2.0-24', '10.5.3.0-24');
    proxy.cut(true);
    await putPeer(4);
    await server.ctl('del', `${SUBNETS}10.5.2.0-24`);
    await server.put('/elsewhere', 'x');
    await server.ctl('compact', String(await server.revision()));
    proxy.cut(false);
    await host.sees('10.5.3.0-24', '10.5.4.0-24');
    expect(host.watched.snapshots).toBe(2);
    expect(host.watched.events.at(-1)?.type).toBe('snapshot');
    await putPeer(5);
    await host.sees('10.5.3.0-24', '10.5.4.0-24', '10.5.5.0-24');
  });

  test('history that was compacted while the watch was cut means no list when nothing was removed', async () => {
    const host = await behindProxy();
    await putPeer(2);
    await putPeer(3);
    await host.sees('10.5.2.0-24', '10.5.3.0-24');
    for (const [peer, at] of [[4, 0] as const, [5, 1] as const]) {
      proxy.cut(true);
      await server.put(`${SUBNETS}10.5.2.0-24`, value(20 + at));
      await putPeer(peer);
      await server.put('/elsewhere', 'x');
      await server.ctl('compact', String(await server.revision()));
      proxy.cut(false);
      await until('it sees the new peer', () => host.watched.leases.has(`10.5.${peer}.0-24`));
      expect(host.watched.leases.get('10.5.2.0-24')?.attributes.ipv4?.publicIP).toBe(`192.0.2.${20 + at}`);
    }
    expect(host.logger.lines.filter((line) => line.includes('compacted away'))).toHaveLength(2);
    await server.ctl('del', `${SUBNETS}10.5.3.0-24`);
    await host.sees('10.5.2.0-24', '10.5.4.0-24', '10.5.5.0-24');
    // Now one is removed meanwhile, and another comes in its place.
    proxy.cut(true);
    await server.ctl('del', `${SUBNETS}10.5.2.0-24`);
    await putPeer(6);
    await server.put('/elsewhere', 'x');
    await server.ctl('compact', String(await server.revision()));
    expect(host.watched.snapshots).toBe(1);
    proxy.cut(false);
    await host.sees('10.5.4.0-24', '10.5.5.0-24', '10.5.6.0-24');
    expect(host.watched.snapshots).toBe(2);
  });

  test('a wedged watch is noticed and given up', async () => {
    const host = await behindProxy({ confirmMs: 300, timeoutMs: 500 });
    await until('it is confirmed again and again', () => (host.manager.confirmedAt() ?? 0) > Date.now() - 100);
    const before = proxy.connections;
    proxy.silence();
    await putPeer(2);
    await host.sees('10.5.2.0-24');
    expect(proxy.connections).toBeGreaterThan(before);
    expect(host.watched.snapshots).toBe(1);
  });

  test('with etcd away confirmedAt grows old, with etcd back it is now', async () => {
    const host = await behindProxy({ confirmMs: 200, timeoutMs: 400 });
    proxy.cut(true);
    const at = host.manager.confirmedAt() ?? 0;
    await until('time passes', () => Date.now() > at + 1_000);
    expect(host.manager.confirmedAt()).toBeLessThan(Date.now() - 500);
    proxy.cut(false);
    await until('it is confirmed', () => (host.manager.confirmedAt() ?? 0) > Date.now() - 200);
  });

  test('junk is ignored with one warning each, and costs no peer', async () => {
    const host = await behindProxy();
    await putPeer(2);
    await putPeer(3);
    await host.sees('10.5.2.0-24', '10.5.3.0-24');
    await server.put(`${SUBNETS}junk`, value(9));
    await server.put(`${SUBNETS}10.5.4.0-24`, '{"PublicIP":""}');
    await server.put(`${SUBNETS}10.5.3.0-24`, 'spoilt');
    await server.put(`${PREFIX}/subnets-of-mine/x`, 'x');
    await server.put(`${PREFIX}/overlay/hosts/host-9`, 'x');
    await server.put(`${PREFIX}/something/else`, 'x');
    await putPeer(5);
    await host.sees('10.5.2.0-24', '10.5.3.0-24', '10.5.5.0-24');
    host.manager.resync();
    await until('a new list', () => host.watched.snapshots === 2);
    await host.sees('10.5.2.0-24', '10.5.3.0-24', '10.5.5.0-24');
    expect(host.warnings.map((line) => /^warn etcd: "([^"]+)"/.exec(line)?.[1])).toEqual([
      `${SUBNETS}junk`,
      `${SUBNETS}10.5.4.0-24`,
      `${SUBNETS}10.5.3.0-24`,
      `${PREFIX}/subnets-of-mine/x`,
      `${PREFIX}/overlay/hosts/host-9`,
    ]);
    expect(host.warnings[2]).toContain('what it said before stays in force');
  });

  test('the configuration: none yet, one, a wrong one, a better one, none any more', async () => {
    const manager = new EtcdSubnetManager({ endpoints: server.urls });
    const events: string[] = [];
    manager.config$.subscribe((event) =>
      events.push(event.type === 'config' ? String(event.netConf.ipv4?.network) : event.type),
    );
    const next = (count: number): Promise<true> => until(`${count} events`, () => events.length === count);
    try {
      await next(1);
      await server.put(`${PREFIX}/config`, '{"Network":"10.5.0.0/16"}');
      await next(2);
      await server.put(`${PREFIX}/config`, '{"Network":"10.5.0.0/16"}');
      await server.put(`${PREFIX}/config`, '{"Network":"10.5.0.0/31"}');
      await next(3);
      await server.put(`${PREFIX}/config`, '{"Network":"10.6.0.0/16"}');
      await next(4);
      await server.ctl('del', `${PREFIX}/config`);
      await next(5);
      expect(events).toEqual(['waiting', '10.5.0.0/16', 'refused', '10.6.0.0/16', 'waiting']);
    } finally {
      await manager.close();
    }
  });

  test('with etcd away from the beginning the configuration says what is waited for, and acquiring waits', async () => {
    proxy = await TcpProxy.to(server.urls[0]);
    proxy.cut(true);
    const host = new EtcdHost({ urls: [proxy.url] }, 1);
    hosts.push(host);
    const reasons: string[] = [];
    host.manager.config$.subscribe((event) => reasons.push(event.type === 'waiting' ? event.reason : event.type));
    const acquiring = host.acquire();
    await until('a reason', () => reasons.length > 0);
    expect(reasons[0]).toMatch(/etcd at http:\/\/127\.0\.0\.1:\d+: /);
    await server.put(`${PREFIX}/config`, '{"Network":"10.5.0.0/16"}');
    proxy.cut(false);
    await acquiring;
    await until('the configuration', () => reasons.at(-1) === 'config');
    expect(host.warnings.filter((line) => line.includes('acquiring'))).toHaveLength(1);
  });
});

describeWithEtcd('a store that goes back', () => {
  test('a restored backup is listed again, and the lease comes back', async () => {
    const server = await EtcdServer.start();
    const host = new EtcdHost(server, 1);
    const peer = new EtcdHost(server, 2);
    try {
      await host.acquire();
      await peer.acquire();
      await host.sees('host-1', 'host-2');
      const before = await server.keys(SUBNETS);
      await server.backup();
      // What came after the backup is lost with it.
      await server.put(`${SUBNETS}10.5.3.0-24`, value(3));
      await host.sees('host-1', 'host-2', '10.5.3.0-24');
      for (let n = 0; n < 20; n++) await server.put('/elsewhere', String(n));
      await server.restore();
      await host.sees('host-1', 'host-2');
      expect(host.watched.events.filter(({ type }) => type === 'snapshot').at(-1)).toMatchObject({ wentBack: true });
      await until('both are in order', () => [host, peer].every(({ state }) => state.problem === undefined));
      expect((await server.keys(SUBNETS)).map(({ key, value }) => ({ key, value }))).toEqual(
        before.map(({ key, value }) => ({ key, value })),
      );
    } finally {
      await Promise.all([host, peer].map(({ manager }) => manager.close()));
      await server.dispose();
    }
  });
});

describeWithEtcd('a store that went back while a host was cut off', () => {
  test.each([
    ['has come further since', false],
    ['was compacted', true],
  ])('is doubted, also when it %s', async (_, compacted) => {
    const server = await EtcdServer.start();
    const proxy = await TcpProxy.to(server.urls[0]);
    const host = new EtcdHost({ urls: [proxy.url] }, 1);
    const put = (n: number, publicIP = n): Promise<void> => server.put(`${SUBNETS}10.5.${n}.0-24`, value(publicIP));
    try {
      await put(2);
      await until('a first list', () => host.watched.snapshots === 1);
      await server.backup();
      await put(2, 22);
      await put(3);
      await host.sees('10.5.2.0-24', '10.5.3.0-24');
      proxy.cut(true);
      // As the same cluster: nothing but its history tells.
      await server.restore(server.directory);
      const before = host.watched.snapshots;
      for (let n = 0; n < 10; n++) await server.put('/elsewhere', String(n));
      await put(4);
      if (compacted) await server.ctl('compact', String(await server.revision()));
      proxy.cut(false);
      await host.sees('10.5.2.0-24', '10.5.4.0-24');
      expect(host.watched.snapshots).toBe(before + 1);
      expect(host.watched.events.at(-1)).toMatchObject({ type: 'snapshot', wentBack: true });
    } finally {
      await host.manager.close();
      await proxy.dispose();
      await server.dispose();
    }
  });
});

describeWithEtcd('a store without space', () => {
  test('goes on, keeps the lease, and takes writes again when there is space', async () => {
    const server = await EtcdServer.start({ args: ['--quota-backend-bytes=2097152'] });
    const host = new EtcdHost(server, 1, { ttlSeconds: 5 });
    const late = new EtcdHost(server, 2);
    try {
      await host.acquire();
      await host.sees('host-1');
      const filler = 'x'.repeat(100_000);
      await until('it is full', async () =>
        server.put(`/filler/${Math.random()}`, filler).then(
          () => false,
          () => true,
        ),
      );
      const acquiring = late.acquire();
      await until('it is said', () => late.warnings.some((line) => line.includes('out of space')));
      const expiresAt = host.state.lease.expiresAt ?? 0;
      await until('the lease is renewed all the same', () => (host.state.lease.expiresAt ?? 0) > expiresAt);
      expect(await server.keys(SUBNETS)).toHaveLength(1);
      expect(late.warnings.filter((line) => line.includes('acquiring'))).toHaveLength(1);

      // All of it before the alarm ends: a write that still finds too little space raises it again, for good.
      await server.ctl('del', '--prefix', '/filler/');
      await server.ctl('compact', '--physical', String(await server.revision()));
      await server.ctl('defrag');
      await server.ctl('alarm', 'disarm');
      await acquiring;
      await host.sees('host-1', 'host-2');
    } finally {
      await Promise.all([host, late].map(({ manager }) => manager.close()));
      await server.dispose();
    }
  }, 60_000);
});
