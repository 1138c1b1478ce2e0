import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { attributesOf, EtcdHost, HOSTS, SUBNETS } from './support/etcd-host.js';
import { EtcdServer } from './support/etcd-server.js';

describeWithEtcd('an own lease that others meddle with', () => {
  let server: EtcdServer;
  const hosts: EtcdHost[] = [];
  const signal = (): AbortSignal => AbortSignal.timeout(10_000);
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server.dispose());
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.manager.close()));
    await server.ctl('del', '--prefix', '/');
  });

  async function acquired(n: number, ...rest: [ConstructorParameters<typeof EtcdHost>[2]?]): Promise<EtcdHost> {
    const host = new EtcdHost(server, n, ...rest);
    hosts.push(host);
    await host.acquire();
    await until('it sees itself', () => host.watched.leases.has(host.hostId));
    return host;
  }

  /** How often a key was written. */
  async function version(key: string): Promise<number> {
    const { kvs } = JSON.parse(await server.ctl('get', key, '-w', 'json')) as { kvs: { version: number }[] };
    return kvs[0].version;
  }

  test('a revoked one is taken again, the same subnet', async () => {
    const host = await acquired(1);
    const { subnets } = host.state.lease;
    const [before] = await server.keys(SUBNETS);
    await server.ctl('lease', 'revoke', before.lease);
    await until('the lease is there again', async () => (await server.keys(SUBNETS)).length === 1);
    const [after] = await server.keys(SUBNETS);
    expect(after).toMatchObject({ key: before.key, value: before.value });
    expect(after.lease).not.toBe(before.lease);
    expect(host.state.lease.subnets).toEqual(subnets);
    expect(host.state.problem).toBeUndefined();
    await host.sees('host-1');
  });

  test('one is renewed in time though the wall clock is set back by an hour', async () => {
    let stepMs = 0;
    const clock = { ...systemClock, now: () => Date.now() + stepMs };
    const host = await acquired(1, { clock, ttlSeconds: 5 });
    const [{ lease }] = await server.keys(SUBNETS);
    const { expiresAt = 0 } = host.state.lease;
    stepMs = -3_600_000;
    await until('it is renewed', () => (host.state.lease.expiresAt ?? 0) < expiresAt);
    // The same one: it was not taken again after its end.
    expect((await server.keys(SUBNETS)).map((key) => key.lease)).toEqual([lease]);
  });

  test('with everything under the prefix deleted all hosts take theirs again', async () => {
    const all = await Promise.all([acquired(1), acquired(2), acquired(3)]);
    const before = (await server.keys(SUBNETS)).map(({ key, value }) => ({ key, value }));
    await server.ctl('del', '--prefix', '/');
    await until('all leases are there again', async () => (await server.keys(SUBNETS)).length === 3);
    expect((await server.keys(SUBNETS)).map(({ key, value }) => ({ key, value }))).toEqual(before);
    for (const host of all) await host.sees('host-1', 'host-2', 'host-3');
    expect(all.map((host) => host.state.problem)).toEqual([undefined, undefined, undefined]);
  });

  test('one that somebody else has meanwhile is shown as a problem, and the host goes on', async () => {
    const host = await acquired(1);
    const [before] = await server.keys(SUBNETS);
    const taken = before.value.replace('192.0.2.1', '192.0.2.99');
    await server.put(before.key, taken, `--lease=${await server.grant(600)}`);
    await host.problem(/10\.5\.\d+\.0\/24 is held by another \(192\.0\.2\.99/);
    expect(host.state.lease.subnets.ipv4).toBe(before.key.slice(SUBNETS.length).replace('-', '/'));
    const writes = await version(before.key);
    await host.own?.publish(attributesOf(1), { signal: AbortSignal.timeout(1_500) }).catch(() => undefined);
    expect(await version(before.key)).toBe(writes);
    expect(host.warnings.filter((line) => line.includes('is held by another'))).toHaveLength(1);
    expect(host.state.lost).toBe(true);

    await server.ctl('del', before.key);
    await host.noProblem();
    expect(host.state.lost).toBeUndefined();
    await host.sees('host-1');
  });

  test('one that another host has is lost, also while etcd is away, until another one is acquired', async () => {
    const host = await acquired(1);
    const { lease, key } = { lease: host.state.lease.subnets.ipv4, key: host.key };
    const [before] = await server.keys(SUBNETS);
    const theirs = before.value.replace('192.0.2.1', '192.0.2.99');
    await server.put(key, theirs);
    await host.problem(/is held by another/);
    await server.members[0].stop();
    await host.own?.publish(attributesOf(2), { signal: AbortSignal.timeout(300) }).catch(() => undefined);
    await host.problem(/cannot be kept/);
    expect(host.state.lost).toBe(true);
    server.members[0].start();
    await server.ready();
    await host.acquire();
    await until('it has another one', () => host.state.lease.subnets.ipv4 !== lease);
    expect(host.state).not.toHaveProperty('lost');
    await host.noProblem();
    expect((await server.keys(SUBNETS)).find((found) => found.key === key)?.value).toBe(theirs);
    await host.sees('host-1', key.slice(SUBNETS.length));
  });

  test('a subnet that a lease of another length covers is not taken again', async () => {
    const host = await acquired(1);
    const subnet = String(host.state.lease.subnets.ipv4);
    await server.put(`${SUBNETS}10.5.0.0-17`, '{"PublicIP":"192.0.2.98"}');
    await server.put(`${SUBNETS}10.5.128.0-17`, '{"PublicIP":"192.0.2.99"}');
    await host.sees('host-1', '10.5.0.0-17', '10.5.128.0-17');
    await server.ctl('del', host.key);
    await host.problem(/is held by another/);
    expect((await server.keys(SUBNETS)).map(({ key }) => key)).not.toContain(host.key);
    expect(host.state.lease.subnets.ipv4).toBe(subnet);
  });

  test('one public IP, another identity: it is taken over, both show it, and nobody writes in a loop', async () => {
    const first = await acquired(1);
    const second = new EtcdHost(server, 2);
    hosts.push(second);
    await second.acquire({ attributes: attributesOf(1) });
    expect(second.state.lease.subnets).toEqual(first.state.lease.subnets);
    await first.problem(/host host-2 \(192\.0\.2\.1\) has taken over the lease of 10\.5\.\d+\.0\/24 from host host-1/);
    await second.problem(/host host-1 \(192\.0\.2\.1\) had 10\.5\.\d+\.0\/24 before host host-2 took it over/);
    await first.sees('host-2');
    const written = await server.revision();
    const looks = [first, second].map((host) => host.manager.confirmedAt() ?? 0);
    first.manager.resync();
    second.manager.resync();
    await until('both have looked again', () =>
      [first, second].every((host, at) => (host.manager.confirmedAt() ?? 0) > (looks[at] ?? 0)),
    );
    expect(await server.revision()).toBe(written);
    expect([first, second].map((host) => host.warnings.length)).toEqual([1, 1]);

    // The one that was taken over ends: what it said ends with it, and its successor is content.
    await first.manager.close();
    const { lease } = (await server.keys(`${HOSTS}host-1`))[0];
    expect(await server.ctl('lease', 'timetolive', lease)).toMatch(/granted with TTL\(60s\)/);
    await server.ctl('lease', 'revoke', lease);
    await second.noProblem();
  });

  test('a node that was made anew does not wait: the old identity goes', async () => {
    const first = await acquired(1);
    const subnets = first.state.lease.subnets;
    await first.manager.close();
    const second = new EtcdHost(server, 2);
    hosts.push(second);
    await second.acquire({ attributes: attributesOf(1) });
    expect(second.state).toMatchObject({ lease: { key: 'host-2', subnets } });
    await second.sees('host-2');
    expect(second.state.problem).toBeUndefined();
    expect((await server.keys(HOSTS)).map(({ key }) => key)).toEqual([`${HOSTS}host-2`]);
  });

  test('two agents with one identity: the first one says so and leaves the lease alone', async () => {
    const first = await acquired(1);
    const twin = new EtcdHost(server, 1);
    hosts.push(twin);
    await twin.acquire({ attributes: attributesOf(7) });
    await first.problem(/another agent that calls itself host host-1 \(192\.0\.2\.7\)/);
    const written = await server.revision();
    await first.own?.publish(attributesOf(1), { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    expect(await server.revision()).toBe(written);
    expect(twin.state.problem).toBeUndefined();
  });

  test('a value that was changed or spoilt by hand is written again, ever more slowly', async () => {
    const host = await acquired(1);
    const [{ key, value, lease }] = await server.keys(SUBNETS);
    const put = (text: string): Promise<void> => server.put(key, text, '--lease', lease);
    const restored = (): Promise<boolean> =>
      until('it is right again', async () => (await server.keys(key))[0].value === value);
    await put(value.replace('host-gw', 'vxlan'));
    await restored();
    await put('junk');
    await restored();
    await put('{}');
    await until('patience is shown', () => host.state.problem?.includes('ever more slowly'));
    await restored();
    await host.noProblem();
    expect(host.watched.leases.get('host-1')?.attributes).toEqual(attributesOf(1));
  });

  test('other attributes are published on the same etcd lease', async () => {
    const host = await acquired(1);
    const peer = await acquired(2);
    const [before] = await server.keys(host.key);
    await host.own?.publish(attributesOf(55), { signal: signal() });
    const [after] = await server.keys(host.key);
    expect(after).toMatchObject({ key: before.key, lease: before.lease });
    expect(after.value).toContain('192.0.2.55');
    await until('the peer knows', () => peer.watched.leases.get('host-1')?.attributes.ipv4?.publicIP === '192.0.2.55');
    expect(await peer.manager.previous('host-1', { signal: signal() })).toMatchObject({ attributes: attributesOf(55) });
  });
});
