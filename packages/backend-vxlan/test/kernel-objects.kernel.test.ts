import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { vxlanLease } from '@overlay/backend-vxlan';
import { parsePrefix } from '@overlay/core';
import { routeMetric } from '@overlay/linux';
import { VxlanHost } from './support/vxlan-host.js';

const PEER = vxlanLease({ hostId: 'h2', subnet: '10.244.2.0/24', publicIP: '192.168.77.12' });
const PEER_MAC = (PEER.attributes.ipv4?.data as { VtepMAC: string }).VtepMAC;
const METRIC = routeMetric('ipv4', parsePrefix('10.244.2.0/24'));

describe('what VXLAN puts into the kernel', () => {
  let host: VxlanHost;
  beforeEach(async () => {
    host = await VxlanHost.create();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  test('the device, its address and mark are those of flannel and ours', async () => {
    await host.join([]);
    const device = await host.device();
    expect(device).toMatchObject({
      ifname: 'flannel.1',
      mtu: 1450,
      ifalias: 'overlay:default',
      linkinfo: { info_kind: 'vxlan', info_data: { id: 1, link: 'eth0', local: '192.168.77.11', port: 8472 } },
    });
    expect(device.flags).toContain('UP');
    expect(device.linkinfo.info_data.learning).toBe(false);
    expect(device.linkinfo.info_data.gbp).not.toBe(true);
    const [{ addr_info }] = await host.told('ip -j -4 addr show dev flannel.1');
    expect(addr_info).toEqual([expect.objectContaining({ local: '10.244.1.0', prefixlen: 32 })]);
    expect(device.address).toBe(((await host.publishes()).ipv4?.data as { VtepMAC: string }).VtepMAC);
  });

  test('a peer is one permanent neighbour, one forwarding entry and one onlink route', async () => {
    await host.join([PEER]);
    expect(await host.told('ip -j neigh show dev flannel.1')).toEqual([
      { dst: '10.244.2.0', lladdr: PEER_MAC, state: ['PERMANENT'] },
    ]);
    const fdb = (await host.told('bridge -j fdb show dev flannel.1')).filter(({ dst }) => dst !== undefined);
    expect(fdb).toEqual([
      expect.objectContaining({ mac: PEER_MAC, dst: '192.168.77.12', state: 'permanent', flags: ['self'] }),
    ]);
    expect(await host.told('ip -N -j route show root 10.244.0.0/16 proto 111')).toEqual([
      expect.objectContaining({ dst: '10.244.2.0/24', gateway: '10.244.2.0', dev: 'flannel.1', metric: METRIC }),
    ]);
    expect(await host.run('ip -N route show 10.244.2.0/24')).toBe(
      `10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto 111 metric ${METRIC} onlink \n`,
    );
  });

  describe('with a device that is there already', () => {
    const make = (attributes: string, mac = '9e:00:00:00:00:01'): Promise<string> =>
      host.run(`ip link add flannel.1 address ${mac} type vxlan id 1 dev eth0 ${attributes}`);

    test('as flanneld leaves it: adopted with its MAC, which is published', async () => {
      await make('local 192.168.77.11 dstport 8472 nolearning');
      const { ifindex } = await host.device();
      await host.join([PEER]);
      const after = await host.device();
      expect([after.ifindex, after.address, after.ifalias]).toEqual([ifindex, '9e:00:00:00:00:01', 'overlay:default']);
      expect((await host.publishes()).ipv4?.data).toEqual({ VNI: 1, VtepMAC: '9e:00:00:00:00:01' });
    });

    test('with another MTU, local address and learning, and down: mended, not made again', async () => {
      await make('local 192.168.77.99 dstport 8472');
      await host.run('ip link set flannel.1 mtu 1300');
      const before = await host.device();
      expect([before.mtu, before.linkinfo.info_data.learning]).toEqual([1300, true]);
      await host.join([PEER]);
      const after = await host.device();
      expect(after).toMatchObject({ ifindex: before.ifindex, mtu: 1450 });
      expect(after.linkinfo.info_data).toMatchObject({ local: '192.168.77.11', learning: false });
      expect(after.flags).toContain('UP');
    });

    test.each([
      ['another port', 'local 192.168.77.11 dstport 4789 nolearning', {}],
      ['GBP', 'local 192.168.77.11 dstport 8472 nolearning gbp', {}],
      ['no GBP where it is wanted', 'local 192.168.77.11 dstport 8472 nolearning', { GBP: true }],
    ])('with %s: made again, with its MAC', async (_what, attributes, options) => {
      await make(attributes);
      const before = await host.device();
      await host.join([PEER], options);
      const after = await host.device();
      expect(after.ifindex).not.toBe(before.ifindex);
      expect(after.address).toBe(before.address);
      expect(after.linkinfo.info_data).toMatchObject({ port: 8472 });
      expect(after.linkinfo.info_data.gbp === true).toBe('GBP' in options);
    });

    test("flanneld's objects are adopted: ours are there, its routes and stale entries are not", async () => {
      await make('local 192.168.77.11 dstport 8472 nolearning');
      await host.run('ip link set flannel.1 up');
      for (const n of [2, 3]) {
        const mac = n === 2 ? PEER_MAC : '9e:00:00:00:00:03';
        await host.run(`ip neigh add 10.244.${n}.0 lladdr ${mac} dev flannel.1 nud permanent`);
        await host.run(`bridge fdb add ${mac} dev flannel.1 dst 192.168.77.1${n} self permanent`);
        await host.run(`ip route add 10.244.${n}.0/24 via 10.244.${n}.0 dev flannel.1 onlink`);
      }
      await host.join([PEER]);
      expect(await host.run('ip -N route show root 10.244.0.0/16')).toBe(
        `10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto 111 metric ${METRIC} onlink \n`,
      );
      expect((await host.told('ip -j neigh show dev flannel.1')).map(({ dst }) => dst)).toEqual(['10.244.2.0']);
      const fdb = (await host.told('bridge -j fdb show dev flannel.1')).filter(({ dst }) => dst !== undefined);
      expect(fdb.map(({ dst }) => dst)).toEqual(['192.168.77.12']);
    });
  });

  test('the MAC is the published one, else that of the device, else one that follows from the identity', async () => {
    const mac = async (...args: Parameters<VxlanHost['publishes']>): Promise<unknown> =>
      ((await host.publishes(...args)).ipv4?.data as { VtepMAC: string }).VtepMAC;
    const derived = await mac();
    expect(derived).toBe(await mac());
    expect(derived).not.toBe(PEER_MAC);
    await host.run('ip link add flannel.1 address 9e:00:00:00:00:01 type vxlan id 1 dev eth0 dstport 8472');
    expect(await mac()).toBe('9e:00:00:00:00:01');
    expect(await mac({}, PEER)).toBe(PEER_MAC);
  });
});
