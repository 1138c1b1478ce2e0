import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { LeaseAttributes, Prefix } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { attributesOf, DUAL, EtcdHost, HOSTS, IPV4, IPV6, PREFIX, SUBNETS } from './support/etcd-host.js';
import { EtcdServer } from './support/etcd-server.js';

const VXLAN = {
  backendType: 'vxlan',
  ipv4: { publicIP: '192.168.64.3', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' } },
} as unknown as LeaseAttributes;

describeWithEtcd('what is in etcd', () => {
  let server: EtcdServer;
  const hosts: EtcdHost[] = [];
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server.dispose());
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.manager.close()));
    await server.ctl('del', '--prefix', '/');
  });

  function host(...args: HostArgs): EtcdHost {
    const made = new EtcdHost(server, ...args);
    hosts.push(made);
    return made;
  }
  type HostArgs = ConstructorParameters<typeof EtcdHost> extends [unknown, ...infer Rest] ? Rest : never;

  const leases = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await server.keys(SUBNETS)).map(({ key, value }) => [key, value]));

  test("keys and values are flannel's, byte for byte", async () => {
    const wanted = { ipv4: '10.5.34.0/24' as Prefix, ipv6: 'fd00:5:0:22::/64' as Prefix };
    await host(1).acquire({ attributes: VXLAN, wanted });
    expect(await leases()).toEqual({
      [`${SUBNETS}10.5.34.0-24`]:
        '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
    });
    await hosts[0].manager.close();
    await server.ctl('del', '--prefix', '/');

    const both = { ...VXLAN, ipv6: { publicIP: 'fd00::5', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:45' } } };
    await host(2, {}, DUAL).acquire({ attributes: both as unknown as LeaseAttributes, wanted });
    expect(await leases()).toEqual({
      [`${SUBNETS}10.5.34.0-24&fd00:5:0:22::-64`]:
        '{"PublicIP":"192.168.64.3","PublicIPv6":"fd00::5","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}}',
    });
    await hosts[1].manager.close();
    await server.ctl('del', '--prefix', '/');

    const udp = { backendType: '', ipv4: { publicIP: '1.2.3.4' } } as unknown as LeaseAttributes;
    await host(3).acquire({ attributes: udp, wanted });
    expect(Object.values(await leases())).toEqual(['{"PublicIP":"1.2.3.4","PublicIPv6":null}']);
  });

  test('IPv6 alone: hosts that all publish 0.0.0.0 do not take each other for themselves', async () => {
    const wanted = { ipv6: 'fd00:5:0:22::/64' as Prefix };
    await host(1, {}, IPV6).acquire({ wanted });
    await host(2, {}, IPV6).acquire({ wanted });
    const stored = await leases();
    expect(Object.keys(stored)).toHaveLength(2);
    expect(stored[`${SUBNETS}0.0.0.0-0&fd00:5:0:22::-64`]).toBe(
      '{"PublicIP":"0.0.0.0","PublicIPv6":"2001:db8::1","BackendType":"host-gw"}',
    );
    await hosts[0].sees('host-1', 'host-2');
    expect(hosts.map(({ state }) => state.problem)).toEqual([undefined, undefined]);
  });

  test('what is ours lies beside, on the same etcd lease, for 24 hours', async () => {
    await host(1, {}, DUAL).acquire();
    const all = await server.keys(PREFIX);
    const own = all.filter(({ key }) => !key.startsWith(SUBNETS));
    const name = all.find(({ key }) => key.startsWith(SUBNETS))?.key.slice(SUBNETS.length);
    const ipv6 = String(hosts[0].state.lease.subnets.ipv6).replace('/', '-');
    expect(own.map(({ key }) => key).sort()).toEqual([`${HOSTS}host-1`, `${PREFIX}/overlay/ipv6/${ipv6}`]);
    expect(JSON.parse(own.find(({ key }) => key === `${HOSTS}host-1`)?.value ?? '')).toMatchObject({ Key: name });
    expect(new Set(all.map(({ lease }) => lease)).size).toBe(1);
    const ttl = await server.ctl('lease', 'timetolive', all[0].lease);
    expect(ttl).toMatch(/granted with TTL\(86400s\)/);
  });

  test('a restart writes no lease anew, and neither does renewing', async () => {
    await host(1, { ttlSeconds: 5 }).acquire();
    const [before] = await server.keys(SUBNETS);
    const expiresAt = hosts[0].state.lease.expiresAt ?? 0;
    await until('the lease was renewed twice', () => (hosts[0].state.lease.expiresAt ?? 0) > expiresAt + 2_000, 15_000);
    await hosts[0].manager.close();
    await host(1, { ttlSeconds: 5 }).acquire();
    expect(await server.keys(SUBNETS)).toEqual([before]);
    expect(hosts[1].state).toEqual({ lease: expect.objectContaining({ key: 'host-1' }) });
  });

  test('a lease that nobody renews ends, with all that is ours, and peers see that', async () => {
    await host(1).acquire();
    await host(2, { ttlSeconds: 5 }).acquire();
    await hosts[0].sees('host-1', 'host-2');
    await hosts[1].manager.close();
    await hosts[0].sees('host-1');
    expect((await server.keys(HOSTS)).map(({ key }) => key)).toEqual([`${HOSTS}host-1`]);
  });

  test("flanneld's lease of this host goes on as it is, found by the public IP", async () => {
    const value = '{"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"host-gw"}';
    const id = await server.grant(86_400);
    await server.put(`${SUBNETS}10.5.77.0-24`, value, `--lease=${id}`);
    await server.put(`${SUBNETS}10.5.78.0-24`, value.replace('192.0.2.1', '192.0.2.11'), `--lease=${id}`);
    const before = await server.keys(SUBNETS);
    const peer = host(2);
    await peer.sees('10.5.77.0-24', '10.5.78.0-24');
    await host(1).acquire();
    expect(hosts[1].state).toMatchObject({ lease: { key: 'host-1', subnets: { ipv4: '10.5.77.0/24' } } });
    expect(await server.keys(SUBNETS)).toEqual(before);
    await peer.sees('host-1', '10.5.78.0-24');
  });

  test('a lease of ours that flanneld renews in its way stays ours', async () => {
    await host(1).acquire();
    const id = await server.grant(86_400);
    await hosts[0].sees('host-1');
    const { value } = (await server.keys(SUBNETS))[0];
    await server.put(hosts[0].key, value, `--lease=${id}`);
    await until('our record follows', async () => (await server.keys(HOSTS))[0]?.lease === id);
    const [after] = await server.keys(SUBNETS);
    expect(after).toMatchObject({ value, lease: id });
    expect(hosts[0].state.problem).toBeUndefined();
    await hosts[0].sees('host-1');
    expect(
      hosts[0].watched.events.flatMap((event) => (event.type === 'changes' ? event.changes : [])),
    ).not.toContainEqual({ type: 'delete', key: 'host-1' });
  });

  test('a reservation stays one', async () => {
    await server.put(`${SUBNETS}10.5.77.0-24`, '{"PublicIP":"192.0.2.1"}');
    await host(1).acquire();
    expect(hosts[0].state.lease).toMatchObject({ subnets: { ipv4: '10.5.77.0/24' } });
    expect(hosts[0].state.lease.expiresAt).toBeUndefined();
    expect((await server.keys(PREFIX)).map(({ lease }) => lease)).toEqual(['0', '0']);
    await hosts[0].own?.publish(attributesOf(1, IPV4), { signal: AbortSignal.timeout(5_000) });
    await hosts[0].manager.close();
    await host(1).acquire();
    expect((await server.keys(PREFIX)).map(({ lease }) => lease)).toEqual(['0', '0']);
  });

  test('a lease that is given up goes with what is beside it; a reservation and others’ leases stay', async () => {
    const signal = AbortSignal.timeout(20_000);
    await server.put(`${SUBNETS}10.5.77.0-24`, '{"PublicIP":"192.0.2.1"}');
    await server.put(`${SUBNETS}10.5.78.0-24`, '{"PublicIP":"192.0.2.3"}');
    await host(1).acquire();
    await host(2).acquire();
    for (const each of hosts) await each.manager.close();
    const last = host(4);
    for (const hostId of ['host-1', 'host-2', 'host-3']) await last.manager.release(hostId, { signal });
    expect((await server.keys(PREFIX)).map(({ key }) => key)).toEqual([
      `${SUBNETS}10.5.77.0-24`,
      `${SUBNETS}10.5.78.0-24`,
    ]);
  });

  test('a reservation for nobody keeps its subnet free and is no peer', async () => {
    await server.put(`${SUBNETS}10.5.77.0-24`, '{}');
    await host(1).acquire({ wanted: { ipv4: '10.5.77.0/24' as Prefix } });
    expect(hosts[0].state.lease.subnets.ipv4).not.toBe('10.5.77.0/24');
    await hosts[0].sees('host-1');
  });

  test("a lease that no longer fits is deleted when it is this host's, and no other", async () => {
    const value = '{"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"host-gw"}';
    await server.put(`${SUBNETS}10.9.1.0-24`, value);
    await server.put(`${SUBNETS}10.9.2.0-24`, value.replace('192.0.2.1', '192.0.2.2'));
    await host(1).acquire();
    expect(Object.keys(await leases()).sort()).toEqual([hosts[0].key, `${SUBNETS}10.9.2.0-24`].sort());
  });

  test('an identity may contain anything', async () => {
    const hostId = 'rack/7 · ä%';
    await host(1).acquire({ hostId });
    await hosts[0].sees(hostId);
    expect(await hosts[0].manager.previous(hostId, { signal: AbortSignal.timeout(5_000) })).toMatchObject({
      key: hostId,
    });
    expect(await server.keys(SUBNETS)).toHaveLength(1);
  });
});
