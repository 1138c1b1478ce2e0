import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { LeaseAttributes } from '@overlay/core';
import { attributesOf, DUAL, IPV4, IPV6, KubeHost } from './support/kube-host.js';
import { KubeServer } from './support/kube-server.js';
import type { ServerProcess } from './support/server-process.js';
import { annotate, annotationsOf, createNode, deleteNode, PREFIX, removeNodes } from './support/nodes.js';
import { describeWithKubernetes } from './support/server-programs.js';

describeWithKubernetes('the own Node', () => {
  let server: KubeServer;
  let controllers: ServerProcess | undefined;
  const hosts: KubeHost[] = [];
  beforeAll(async () => {
    server = await KubeServer.start();
  }, 120_000);
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(({ manager }) => manager.close()));
    await controllers?.stop();
    controllers = undefined;
    await removeNodes(server);
  });
  afterAll(() => server?.dispose());

  function host(
    ...args: ConstructorParameters<typeof KubeHost> extends [unknown, ...infer Rest] ? Rest : never
  ): KubeHost {
    const made = new KubeHost(server, ...args);
    hosts.push(made);
    return made;
  }

  const publishing = (value: unknown): { attributes: LeaseAttributes } => ({ attributes: value as LeaseAttributes });

  test('annotations as flanneld writes them: vxlan, both families', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24', 'fd00:5:0:1::/64'] });
    const { state } = await host('a', {}, DUAL).acquire();
    expect(state.lease.subnets).toEqual({ ipv4: '10.5.1.0/24', ipv6: 'fd00:5:0:1::/64' });
    expect(state.lease.attributes).toEqual(attributesOf(1, DUAL));
    expect(await annotationsOf(server, 'a')).toEqual({
      'kube-subnet-manager': 'true',
      'backend-type': 'vxlan',
      'backend-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}',
      'backend-v6-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}',
      'public-ip': '192.0.2.1',
      'public-ipv6': '2001:db8::1',
    });
  });

  test('annotations as flanneld writes them: host-gw and udp, one family', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24', 'fd00:5:0:1::/64'] });
    const a = await host('a').acquire(publishing({ backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' } }));
    const common = { 'kube-subnet-manager': 'true', 'public-ip': '192.0.2.1', 'backend-data': 'null' };
    expect(await annotationsOf(server, 'a')).toEqual({ ...common, 'backend-type': 'host-gw' });
    await a.own?.publish({ backendType: '', ipv4: { publicIP: '192.0.2.1' } } as never, {
      signal: new AbortController().signal,
    });
    expect(await annotationsOf(server, 'a')).toEqual({ ...common, 'backend-type': '' });
  });

  test('IPv6 alone; going over to IPv4 takes the annotations of IPv6 away', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24', 'fd00:5:0:1::/64'] });
    const six = await host('a', {}, IPV6).acquire(
      publishing({ backendType: 'host-gw', ipv6: { publicIP: '2001:db8::1' } }),
    );
    expect(six.state.lease.subnets).toEqual({ ipv6: 'fd00:5:0:1::/64' });
    const common = { 'kube-subnet-manager': 'true', 'backend-type': 'host-gw', 'backend-data': 'null' };
    const six6 = { 'public-ip': '0.0.0.0', 'public-ipv6': '2001:db8::1', 'backend-v6-data': 'null' };
    expect(await annotationsOf(server, 'a')).toEqual({ ...common, ...six6 });
    await six.manager.close();
    await host('a').acquire(publishing({ backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' } }));
    expect(await annotationsOf(server, 'a')).toEqual({ ...common, 'public-ip': '192.0.2.1' });
  });

  test('IPv6 alone over vxlan: nothing of IPv4 is written, and what was there before is taken away', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24', 'fd00:5:0:1::/64'] });
    await (await host('a', {}, DUAL).acquire()).manager.close();
    const netConf = { ...IPV6, backend: DUAL.backend };
    const six = await host('a', {}, netConf).acquire();
    expect(six.state.lease.subnets).toEqual({ ipv6: 'fd00:5:0:1::/64' });
    expect(await annotationsOf(server, 'a')).toEqual({
      'kube-subnet-manager': 'true',
      'backend-type': 'vxlan',
      'backend-v6-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}',
      'public-ipv6': '2001:db8::1',
    });
  });

  test('a prefix of its own, and other annotations left alone', async () => {
    await createNode(server, 'a', {
      podCIDRs: ['10.5.1.0/24'],
      annotations: { [`${PREFIX}public-ip`]: '198.51.100.1', 'x.y/z': '1' },
    });
    await host('a', { annotationPrefix: 'org.com/net' }).acquire();
    expect(await annotationsOf(server, 'a', '')).toMatchObject({
      'x.y/z': '1',
      'org.com/net-kube-subnet-manager': 'true',
      'org.com/net-public-ip': '192.0.2.1',
      [`${PREFIX}public-ip`]: '198.51.100.1',
    });
    expect(Object.keys(await annotationsOf(server, 'a'))).toEqual(['public-ip']);
  });

  test('a restart that finds everything as it should be writes nothing', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    await (await host('a').acquire()).manager.close();
    const version = async (): Promise<string> => (await server.do('GET', '/api/v1/nodes/a')).metadata.resourceVersion;
    const before = await version();
    const again = host('a');
    const { signal } = new AbortController();
    expect((await again.manager.previous('whatever', { signal }))?.attributes).toEqual(attributesOf(1));
    await again.acquire();
    expect(await version()).toBe(before);
  });

  test('the podCIDR comes late: waits, says which flag is missing, and goes on at once', async () => {
    await createNode(server, 'late');
    const late = host('late');
    const acquiring = late.acquire();
    await late.until('it waits', () => late.waits.length > 0);
    expect(late.waits[0]).toContain('node "late" pod cidr not assigned');
    expect(late.waits[0]).toContain('--allocate-node-cidrs=true --cluster-cidr=10.5.0.0/16');
    await late.until('an event says so', async () => {
      const { items } = await server.do('GET', '/api/v1/namespaces/default/events');
      return items.some(
        (event: { involvedObject: { name: string }; reason: string }) =>
          event.involvedObject.name === 'late' && event.reason === 'PodCIDRNotAssigned',
      );
    });
    controllers = server.controllerManager('10.5.0.0/16');
    await acquiring;
    expect(late.state.lease.subnets.ipv4).toMatch(/^10\.5\.\d+\.0\/24$/);
    expect(late.waits).toHaveLength(1);
  }, 60_000);

  test('dual stack from the controller manager; with one family only, it says which is missing', async () => {
    await createNode(server, 'four', { podCIDRs: ['10.5.1.0/24'] });
    const four = host('four', {}, DUAL);
    const ended = four.acquire().catch(() => 'closed');
    await four.until('it waits', () => four.waits.length > 0);
    expect(four.waits[0]).toContain('no IPv6 podCIDR');
    expect(four.waits[0]).toContain('--cluster-cidr=10.5.0.0/16,fd00:5::/48');
    await four.manager.close();
    expect(await ended).toBe('closed');
    await deleteNode(server, 'four');
    controllers = server.controllerManager('10.5.0.0/16,fd00:5::/48', '--service-cluster-ip-range=10.96.0.0/16');
    await createNode(server, 'both');
    const { state } = await host('both', {}, DUAL).acquire();
    expect(state.lease.subnets.ipv4).toMatch(/^10\.5\.\d+\.0\/24$/);
    expect(state.lease.subnets.ipv6).toMatch(/^fd00:5:.*\/64$/);
  }, 60_000);

  test('a Node that is not there yet is waited for', async () => {
    const absent = host('absent');
    const acquiring = absent.acquire();
    await absent.until('it waits', () => absent.waits.length > 0);
    expect(absent.waits[0]).toContain('Node absent does not exist');
    await createNode(server, 'absent', { podCIDRs: ['10.5.7.0/24'] });
    await acquiring;
    expect(absent.state.lease.subnets).toEqual({ ipv4: '10.5.7.0/24' });
  });

  test('a podCIDR outside the network is an error that names both', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.9.1.0/24'] });
    await expect(host('a').acquire()).rejects.toMatchObject({
      code: 'OVERLAY_LEASE_INVALID',
      message: expect.stringMatching(/10\.9\.1\.0\/24 of Node a is not in the network 10\.5\.0\.0\/16/),
    });
  });

  test('addresses set for a Node: what peers are told, live; and what the host is to use', async () => {
    const annotations = {
      [`${PREFIX}public-ip-overwrite`]: '198.51.100.7',
      [`${PREFIX}node-public-ip`]: '203.0.113.9',
    };
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'], annotations });
    const a = host('a').watch();
    const { signal } = new AbortController();
    expect(await a.manager.nodeAddresses({ signal })).toEqual({ ipv4: '203.0.113.9' });
    await a.acquire();
    expect((await annotationsOf(server, 'a'))['public-ip']).toBe('198.51.100.7');
    expect(a.state.lease.attributes.ipv4?.publicIP).toBe('198.51.100.7');
    await annotate(server, 'a', { [`${PREFIX}public-ip-overwrite`]: '198.51.100.8' });
    await a.until('the other address', () => a.leases.get('a')?.attributes.ipv4?.publicIP === '198.51.100.8');
    await annotate(server, 'a', { [`${PREFIX}public-ip-overwrite`]: 'nonsense' });
    await a.until('the address found', () => a.leases.get('a')?.attributes.ipv4?.publicIP === '192.0.2.1');
    expect(a.warnings.join('\n')).toContain('public-ip-overwrite is no IPv4 address, but "nonsense"');
    await a.until('the own lease', () => a.state.lease.attributes.ipv4?.publicIP === '192.0.2.1');
  });

  test('several endpoints are an annotation of ours, which goes when one is left', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const one = attributesOf(1);
    const endpoints = [
      { id: 'vxlan/1/8472', backendType: 'vxlan', ipv4: one.ipv4 },
      { id: 'host-gw', backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' } },
    ];
    const a = await host('a')
      .watch()
      .acquire(publishing({ ...one, endpoints }));
    await a.until('all endpoints', () => a.leases.get('a')?.attributes.endpoints?.length === 2);
    expect(a.leases.get('a')?.attributes).toEqual({ ...one, endpoints });
    await a.own?.publish(one, { signal: new AbortController().signal });
    expect(await annotationsOf(server, 'a')).not.toHaveProperty('overlay-endpoints');
    await a.until('one', () => a.leases.get('a')?.attributes.endpoints === undefined);
  });

  test('annotations that are changed or removed are written again', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = await host('a').watch().acquire();
    await annotate(server, 'a', { [`${PREFIX}public-ip`]: '198.51.100.9', [`${PREFIX}kube-subnet-manager`]: null });
    await a.until('they are back', async () => {
      const now = await annotationsOf(server, 'a');
      return now['public-ip'] === '192.0.2.1' && now['kube-subnet-manager'] === 'true';
    });
  });

  test('who keeps undoing what was written is met with patience', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = await host('a').watch().acquire();
    const before = await server.patches();
    const endsAt = Date.now() + 1_500;
    let undone = 0;
    // It is undone as soon as it was written.
    await a.until('the end of the fight', async () => {
      if ((await annotationsOf(server, 'a'))['public-ip'] === '192.0.2.1') {
        await annotate(server, 'a', { [`${PREFIX}public-ip`]: '198.51.100.9' });
        undone++;
      }
      return Date.now() > endsAt;
    });
    // At once, then after 200, 400 and 800 ms.
    expect(undone).toBeGreaterThanOrEqual(2);
    expect((await server.patches()) - before).toBeLessThanOrEqual(5);
    await a.until('it is back', async () => (await annotationsOf(server, 'a'))['public-ip'] === '192.0.2.1');
  });

  test('the Node is deleted and made anew, with another podCIDR', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = await host('a').watch().acquire();
    await a.sees('a');
    await deleteNode(server, 'a');
    await a.problem(/Node a does not exist.*10\.5\.1\.0\/24 stays in use/);
    expect(a.state.lease.subnets).toEqual({ ipv4: '10.5.1.0/24' });
    await createNode(server, 'a', { podCIDRs: ['10.5.2.0/24'] });
    await a.noProblem();
    await a.until('the other subnet', () => a.state.lease.subnets.ipv4 === '10.5.2.0/24');
    await a.until('its lease', () => a.leases.get('a')?.subnets.ipv4 === '10.5.2.0/24');
    expect((await annotationsOf(server, 'a'))['backend-data']).toBe('{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}');
    expect(a.warnings.join('\n')).toMatch(/given 10\.5\.2\.0\/24 in place of 10\.5\.1\.0\/24/);
  });

  test('made anew without a podCIDR, the one before stays until another is there', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = await host('a').acquire();
    await deleteNode(server, 'a');
    await createNode(server, 'a');
    await a.problem(/no IPv4 podCIDR.*10\.5\.1\.0\/24 stays in use/);
    const type = 'application/merge-patch+json';
    await server.do('PATCH', '/api/v1/nodes/a', { spec: { podCIDR: '10.5.1.0/24', podCIDRs: ['10.5.1.0/24'] } }, type);
    await a.noProblem();
    expect((await annotationsOf(server, 'a'))['public-ip']).toBe('192.0.2.1');
  });

  test('NetworkUnavailable is set when reported, kept so, and written once', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = await host('a').acquire();
    const condition = async (): Promise<Record<string, string> | undefined> => {
      const { status } = await server.do('GET', '/api/v1/nodes/a');
      return (status.conditions ?? []).find(({ type }: { type: string }) => type === 'NetworkUnavailable');
    };
    expect(await condition()).toBeUndefined();
    a.manager.reportNetwork({ available: true });
    await a.until('it is set', async () => (await condition())?.status === 'False');
    expect(await condition()).toMatchObject({ reason: 'FlannelIsUp', message: 'Flannel is running on this node' });
    // Somebody else, such as a cloud's controller, finds otherwise.
    const type = 'application/strategic-merge-patch+json';
    const body = { status: { conditions: [{ type: 'NetworkUnavailable', status: 'True', reason: 'NoRouteCreated' }] } };
    await server.do('PATCH', '/api/v1/nodes/a/status', body, type);
    await a.until('it is set again', async () => (await condition())?.status === 'False');
    await deleteNode(server, 'a');
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    await a.until('the new Node has it', async () => (await condition())?.status === 'False');
    a.manager.reportNetwork({ available: false, message: 'the device is gone' });
    await a.until('the contrary', async () => (await condition())?.status === 'True');
    expect(await condition()).toMatchObject({ reason: 'OverlayIsNotReady', message: 'the device is gone' });
    a.manager.reportNetwork({ available: true });
    await a.until('it is set', async () => (await condition())?.status === 'False');
    await a.manager.close();
    const again = await host('a').acquire();
    const before = await server.patches();
    again.manager.reportNetwork({ available: true });
    await annotate(server, 'a', { [`${PREFIX}public-ip-overwrite`]: '198.51.100.7' });
    await again.until('the address', async () => (await annotationsOf(server, 'a'))['public-ip'] === '198.51.100.7');
    // The address, and not the condition, which was found as it should be.
    expect(await server.patches()).toBe(before + 1);
  }, 60_000);

  test('two Nodes with one address or one podCIDR are both told', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    await createNode(server, 'b', { podCIDRs: ['10.5.2.0/24'] });
    const [a, b] = [await host('a').acquire(), await host('b').acquire()];
    await a.problem(/b \(192\.0\.2\.1\) publishes our address/);
    await b.problem(/a \(192\.0\.2\.1\) publishes our address/);
    await b.own?.publish(attributesOf(2), { signal: new AbortController().signal });
    await Promise.all([a.noProblem(), b.noProblem()]);
    await createNode(server, 'c', { podCIDRs: ['10.5.1.0/24'] });
    const c = await host('c').acquire({ attributes: attributesOf(3) });
    await c.problem(/a \(192\.0\.2\.1\) holds 10\.5\.1\.0\/24, which overlaps our 10\.5\.1\.0\/24/);
  });

  test('another configuration is acquired for with the same manager', async () => {
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24', 'fd00:5:0:1::/64'] });
    const a = await host('a').acquire();
    await a.acquire({ netConf: DUAL, attributes: attributesOf(1, DUAL) });
    expect(a.state.lease.subnets).toEqual({ ipv4: '10.5.1.0/24', ipv6: 'fd00:5:0:1::/64' });
    await a.acquire({ netConf: IPV4 });
    expect(a.state.lease.subnets).toEqual({ ipv4: '10.5.1.0/24' });
  });
});
