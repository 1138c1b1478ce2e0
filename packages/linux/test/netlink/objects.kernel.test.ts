import { closeSync, openSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Address, Mac, Prefix } from '@overlay/core';
import type { NetlinkPort } from '../../dist/netlink/index.js';
import {
  decodeAddress,
  decodeFdb,
  decodeFilter,
  decodeLink,
  decodeNeighbour,
  decodeQdisc,
  decodeRoute,
  deleteAddress,
  deleteClsact,
  deleteFdb,
  deleteLink,
  deleteNeighbour,
  deleteRoute,
  dumpAddresses,
  dumpFdb,
  dumpFilters,
  dumpLinks,
  dumpNeighbours,
  dumpQdiscs,
  dumpRoutes,
  getFdb,
  getLink,
  getNeighbour,
  lookupRoute,
  newAddress,
  newClsact,
  newFdb,
  newLink,
  newNeighbour,
  newRoute,
  openNetlink,
  setLink,
  tryClsact,
} from '../../dist/netlink/index.js';
import { collect, linkNamed } from './collect.js';
import { Namespace } from './namespace.js';

const address = (text: string): Address => text as Address;
const prefix = (text: string): Prefix => text as Prefix;
const mac = (text: string): Mac => text as Mac;

let host: Namespace;
let port: NetlinkPort;

beforeEach(() => {
  host = new Namespace('o');
  port = openNetlink({ netns: host.path });
});

afterEach(() => {
  port.close();
  host.remove();
});

/** Sends messages of which none may fail. */
async function succeed(...messages: Uint8Array[]): Promise<void> {
  const failures = await port.send(messages);
  expect([...failures.values()].map((error) => error.message)).toEqual([]);
}

/** A veth pair, up, with addresses of both families on the near end. Gives its index. */
function wire(): number {
  host.batch([
    'link add eth0 type veth peer name far0',
    'link set eth0 up',
    'link set far0 up',
    'address add 192.0.2.1/24 dev eth0',
    'address add 2001:db8::1/64 dev eth0 nodad',
  ]);
  return host.show('link show dev eth0')[0].ifindex as number;
}

describe('links', () => {
  test('a VXLAN device with every option is shown by ip as it was asked for, and read back', async () => {
    const lowerIndex = wire();
    const vxlan = {
      vni: 4242,
      port: 8473,
      local: address('192.0.2.1'),
      lowerIndex,
      learning: false,
      ageing: 77,
      limit: 1000,
      ttl: 9,
      tos: 4,
      gbp: true,
      proxy: true,
      rsc: true,
      l2miss: true,
      l3miss: true,
      udpChecksum: false,
      udp6ZeroChecksumTx: true,
      udp6ZeroChecksumRx: true,
      df: 'set',
      portRange: { low: 40000, high: 50000 },
    } as const;
    const spec = {
      name: 'flannel.4242',
      kind: 'vxlan',
      mtu: 1410,
      mac: mac('02:00:00:00:42:42'),
      alias: 'overlay:test',
      addrGenMode: 'none',
      up: true,
      vxlan,
    } as const;
    await succeed(...newLink(spec));
    const [shown] = host.show('link show dev flannel.4242');
    expect(shown).toMatchObject({
      mtu: 1410,
      address: '02:00:00:00:42:42',
      ifalias: 'overlay:test',
      inet6_addr_gen_mode: 'none',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: {
          id: 4242,
          link: 'eth0',
          local: '192.0.2.1',
          port: 8473,
          learning: false,
          ageing: 77,
          limit: 1000,
          ttl: 9,
          gbp: true,
          proxy: true,
          rsc: true,
          l2miss: true,
          l3miss: true,
          df: 'set',
          udp_csum: false,
          udp_zero_csum6_tx: true,
          udp_zero_csum6_rx: true,
          port_range: { low: 40000, high: 50000 },
        },
      },
    });
    expect(shown.flags).toContain('UP');
    const link = await linkNamed(port, 'flannel.4242');
    expect(link).toMatchObject({ ...spec, vxlan });
    expect(link).toMatchObject({ up: true, lowerUp: true, broadcast: true, loopback: false, hardwareType: 1 });
  });

  test('a VXLAN device of IPv6 made by ip is read', async () => {
    wire();
    host.ip(
      'link add vx6 type vxlan id 7 local 2001:db8::1 group ff05::7 dev eth0 dstport 4789 nolearning ttl inherit',
    );
    const { vxlan } = await linkNamed(port, 'vx6');
    expect(vxlan).toMatchObject({ vni: 7, port: 4789, local: '2001:db8::1', group: 'ff05::7', learning: false });
  });

  test('a flow label goes to IPv6 devices', async () => {
    wire();
    await succeed(
      ...newLink({ name: 'vx6', kind: 'vxlan', vxlan: { vni: 8, local: address('2001:db8::1'), label: 0x12345 } }),
    );
    expect(host.show('link show dev vx6')[0]).toMatchObject({ linkinfo: { info_data: { label: '0x12345' } } });
    expect((await linkNamed(port, 'vx6')).vxlan).toMatchObject({ label: 0x12345 });
  });

  test('an empty spec gets the kernel’s defaults', async () => {
    await succeed(...newLink({ name: 'vx0', kind: 'vxlan', vxlan: { vni: 1 } }));
    const link = await linkNamed(port, 'vx0');
    expect(link).toMatchObject({ up: false, alias: undefined, kind: 'vxlan' });
    expect(link.vxlan).toMatchObject({
      vni: 1,
      port: 8472,
      learning: true,
      gbp: false,
      ageing: 300,
      udpChecksum: true,
    });
    expect(link.vxlan?.portRange).toBeUndefined();
  });

  test('what can change on a VXLAN device changes, the rest stays', async () => {
    const lowerIndex = wire();
    await succeed(
      ...newLink({
        name: 'vx0',
        kind: 'vxlan',
        alias: 'one',
        vxlan: { vni: 1, local: address('192.0.2.1'), lowerIndex },
      }),
    );
    const { index } = await linkNamed(port, 'vx0');
    host.ip('address add 192.0.2.9/24 dev eth0');
    await succeed(
      setLink(index, { vxlan: { vni: 1, local: address('192.0.2.9'), learning: false } }),
      setLink(index, { mtu: 1300, mac: mac('02:00:00:00:00:77'), up: true, alias: 'two' }),
    );
    const link = await linkNamed(port, 'vx0');
    expect(link).toMatchObject({ mtu: 1300, mac: '02:00:00:00:00:77', up: true, alias: 'two' });
    expect(link.vxlan).toMatchObject({ local: '192.0.2.9', learning: false, lowerIndex, port: 8472 });
    await succeed(setLink(index, { alias: '', up: false }));
    expect(await linkNamed(port, 'vx0')).toMatchObject({ alias: undefined, up: false, mtu: 1300 });
    const refused = (await port.send([setLink(index, { vxlan: { vni: 1, port: 9999 } })])).get(0);
    expect(refused).toMatchObject({ errnoName: 'EOPNOTSUPP', kernelText: 'Cannot change port' });
  });

  test('a veth pair, a bridge with a port, and a new name', async () => {
    await succeed(
      ...newLink({ name: 'br0', kind: 'bridge', up: true }),
      ...newLink({
        name: 'va',
        kind: 'veth',
        up: true,
        mtu: 1400,
        peer: { name: 'vb', mac: mac('02:00:00:00:00:bb'), mtu: 1400 },
      }),
    );
    const bridge = await linkNamed(port, 'br0');
    const near = await linkNamed(port, 'va');
    const far = await linkNamed(port, 'vb');
    expect(far).toMatchObject({ mac: '02:00:00:00:00:bb', mtu: 1400, lowerIndex: near.index, kind: 'veth', up: false });
    await succeed(setLink('vb', { masterIndex: bridge.index }), setLink(near.index, { up: false, name: 'renamed' }));
    expect(await linkNamed(port, 'vb')).toMatchObject({ masterIndex: bridge.index });
    expect(host.show('link show dev vb')[0]).toMatchObject({ master: 'br0' });
    expect(host.show('link show dev renamed')[0]).toMatchObject({ ifindex: near.index });
    expect((await collect(port, dumpLinks({ masterIndex: bridge.index }), decodeLink)).map(({ name }) => name)).toEqual(
      ['vb'],
    );
    expect((await collect(port, dumpLinks({ kind: 'veth' }), decodeLink)).map(({ name }) => name).sort()).toEqual([
      'renamed',
      'vb',
    ]);
    await succeed(setLink('vb', { masterIndex: 0 }), deleteLink('br0'), deleteLink(near.index));
    expect((await collect(port, dumpLinks(), decodeLink)).map(({ name }) => name)).toEqual(['lo']);
  });

  test('a macvlan device, with its interface and its mode', async () => {
    host.ip('link add va type veth peer name vb');
    const { index: lowerIndex } = await linkNamed(port, 'va');
    for (const mode of ['private', 'vepa', 'bridge'] as const) {
      const mine = mac('02:00:00:00:00:77');
      await succeed(
        ...newLink({ name: 'mv0', kind: 'macvlan', mac: mine, alias: 'one', macvlan: { lowerIndex, mode } }),
      );
      const link = await linkNamed(port, 'mv0');
      expect(link).toMatchObject({ kind: 'macvlan', lowerIndex, macvlanMode: mode, mac: mine, alias: 'one' });
      expect(host.show('-d link show dev mv0')[0]).toMatchObject({ link: 'va', linkinfo: { info_data: { mode } } });
      await succeed(deleteLink('mv0'));
    }
    await succeed(deleteLink('va'));
  });

  test('ends of a veth pair go to another namespace, at once and later', async () => {
    const other = new Namespace('p');
    const descriptor = openSync(other.path, 'r');
    try {
      await succeed(...newLink({ name: 'va', kind: 'veth', peer: { name: 'vb', netnsFd: descriptor } }));
      await succeed(...newLink({ name: 'vc', kind: 'veth', peer: { name: 'vd' } }));
      await succeed(setLink('vd', { netnsFd: descriptor }));
      expect(other.show('link show type veth').map(({ ifname }) => ifname)).toEqual(['vb', 'vd']);
      const near = await linkNamed(port, 'va');
      expect(near.lowerIndex).toBe(other.show('link show dev vb')[0].ifindex);
      expect(near.lowerNetnsId).toBe(host.show('link show dev va')[0].link_netnsid);
    } finally {
      closeSync(descriptor);
      other.remove();
    }
  });

  test('loopback is recognised, and a missing device is ENODEV', async () => {
    expect(await linkNamed(port, 'lo')).toMatchObject({ index: 1, loopback: true, hardwareType: 772, kind: undefined });
    await expect(port.query(getLink('nothere0'))).rejects.toMatchObject({
      code: 'OVERLAY_NETLINK',
      errnoName: 'ENODEV',
      errno: 19,
      attempted: 'reading link nothere0',
    });
  });
});

describe('addresses', () => {
  test('of both families, made by us and shown by ip', async () => {
    const index = wire();
    await succeed(
      newAddress(
        {
          index,
          address: address('10.244.1.0'),
          prefixLength: 32,
          noPrefixRoute: true,
          scope: 'link',
          label: 'eth0:o',
        },
        'create',
      ),
      newAddress({ index, address: address('fd00::1'), prefixLength: 64, noDad: true, metric: 77 }, 'create'),
      newAddress(
        { index, address: address('10.9.9.1'), prefixLength: 24, peer: address('10.9.9.2'), validSeconds: 900 },
        'create',
      ),
    );
    const [shown] = host.show('address show dev eth0');
    const info = shown.addr_info as Record<string, unknown>[];
    expect(info.find(({ local }) => local === '10.244.1.0')).toMatchObject({
      prefixlen: 32,
      scope: 'link',
      label: 'eth0:o',
      noprefixroute: true,
    });
    expect(info.find(({ local }) => local === 'fd00::1')).toMatchObject({ prefixlen: 64, nodad: true, metric: 77 });
    expect(info.find(({ local }) => local === '10.9.9.1')).toMatchObject({ address: '10.9.9.2', prefixlen: 24 });

    const found = await collect(port, dumpAddresses({ index }), decodeAddress);
    expect(found.every((each) => each.index === index)).toBe(true);
    const one = (text: string) => found.find((each) => each.address === text);
    expect(one('10.244.1.0')).toMatchObject({
      family: 'ipv4',
      prefixLength: 32,
      scope: 'link',
      label: 'eth0:o',
      permanent: true,
      noPrefixRoute: true,
    });
    expect(one('10.244.1.0')).not.toHaveProperty('validSeconds');
    expect(one('fd00::1')).toMatchObject({ family: 'ipv6', permanent: true, tentative: false, metric: 77 });
    expect(one('10.9.9.1')).toMatchObject({ peer: '10.9.9.2', prefixLength: 24, permanent: false });
    expect(one('10.9.9.1')?.validSeconds).toBeGreaterThan(800);

    await succeed(
      deleteAddress({ index, address: address('10.244.1.0'), prefixLength: 32 }),
      deleteAddress({ index, address: address('10.9.9.1'), prefixLength: 24, peer: address('10.9.9.2') }),
    );
    const left = await collect(port, dumpAddresses({ family: 'ipv4' }), decodeAddress);
    expect(left.map((each) => each.address)).toEqual(['192.0.2.1']);
  });

  test('made by ip, read by us; the second of a subnet is secondary; errors have names', async () => {
    const index = wire();
    host.ip('address add 192.0.2.2/24 broadcast 192.0.2.255 dev eth0');
    host.ip('-6 address add 2001:db8::2/64 dev eth0 preferred_lft 0');
    const found = await collect(port, dumpAddresses(), decodeAddress);
    expect(found.find((each) => each.address === '192.0.2.2')).toMatchObject({
      secondary: true,
      broadcast: '192.0.2.255',
      temporary: false,
    });
    expect(found.find((each) => each.address === '2001:db8::2')).toMatchObject({
      deprecated: true,
      preferredSeconds: 0,
    });
    const failures = await port.send([
      newAddress({ index, address: address('192.0.2.2'), prefixLength: 24 }, 'create'),
      deleteAddress({ index, address: address('192.0.2.77'), prefixLength: 24 }),
      newAddress({ index: 9999, address: address('192.0.2.3'), prefixLength: 24 }, 'create'),
    ]);
    expect([...failures].map(([at, { errnoName }]) => [at, errnoName])).toEqual([
      [0, 'EEXIST'],
      [1, 'EADDRNOTAVAIL'],
      [2, 'ENODEV'],
    ]);
  });
});

describe('routes', () => {
  test('with metric, source, MTU, protocol and onlink, shown by ip and read back', async () => {
    const outIndex = wire();
    const spec = {
      destination: prefix('10.244.2.0/24'),
      gateway: address('10.244.2.0'),
      outIndex,
      onlink: true,
      metric: 513,
      protocol: 111,
      prefSrc: address('192.0.2.1'),
      mtu: 1337,
    };
    const spec6 = {
      destination: prefix('fd00:2::/64'),
      gateway: address('fd00:2::'),
      outIndex,
      onlink: true,
      protocol: 111,
    };
    await succeed(newRoute(spec, 'create'), newRoute(spec6, 'create'));
    expect(host.show('route show 10.244.2.0/24')[0]).toMatchObject({
      gateway: '10.244.2.0',
      dev: 'eth0',
      protocol: '111',
      prefsrc: '192.0.2.1',
      metric: 513,
      flags: ['onlink'],
      metrics: [{ mtu: 1337 }],
    });
    const shown6 = host.show('-6 route show fd00:2::/64')[0];
    expect(shown6).toMatchObject({ gateway: 'fd00:2::', protocol: '111', flags: ['onlink'] });
    const found = await collect(port, dumpRoutes({ protocol: 111 }), decodeRoute);
    expect(found).toHaveLength(2);
    expect(found[0]).toMatchObject({ ...spec, family: 'ipv4', table: 254, type: 'unicast', scope: 'universe', tos: 0 });
    expect(found[1]).toMatchObject({ ...spec6, family: 'ipv6', metric: 1024 });
    await succeed(deleteRoute(spec), deleteRoute(spec6));
    expect(await collect(port, dumpRoutes({ protocol: 111 }), decodeRoute)).toEqual([]);
  });

  test('replaced in one step: same key, new gateway; another metric stands beside it', async () => {
    const outIndex = wire();
    const destination = prefix('10.244.3.0/24');
    const at = (gateway: string, metric: number) => ({
      destination,
      outIndex,
      gateway: address(gateway),
      metric,
      protocol: 111,
    });
    await succeed(newRoute(at('192.0.2.3', 5), 'create'), newRoute(at('192.0.2.4', 6), 'create'));
    const again = await port.send([newRoute(at('192.0.2.9', 5), 'create')]);
    expect(again.get(0)).toMatchObject({ errnoName: 'EEXIST' });
    await succeed(newRoute(at('192.0.2.5', 5), 'upsert'));
    const found = await collect(port, dumpRoutes({ family: 'ipv4', protocol: 111 }), decodeRoute);
    expect(found.map(({ gateway, metric }) => [gateway, metric])).toEqual([
      ['192.0.2.5', 5],
      ['192.0.2.4', 6],
    ]);
    expect((await port.send([newRoute(at('192.0.2.5', 7), 'replace')])).get(0)).toMatchObject({ errnoName: 'ENOENT' });
    await succeed(deleteRoute({ destination, metric: 6 }));
    expect((await port.send([deleteRoute({ destination, metric: 6 })])).get(0)).toMatchObject({ errnoName: 'ESRCH' });
    expect(host.show('route show 10.244.3.0/24')).toHaveLength(1);
  });

  test('IPv6: upsert replaces by metric', async () => {
    const outIndex = wire();
    const destination = prefix('fd00:3::/64');
    const at = (gateway: string) => ({ destination, outIndex, gateway: address(gateway), protocol: 111 });
    await succeed(newRoute(at('2001:db8::3'), 'create'), newRoute(at('2001:db8::4'), 'upsert'));
    const found = await collect(port, dumpRoutes({ family: 'ipv6', protocol: 111 }), decodeRoute);
    expect(found.map(({ gateway, metric }) => [gateway, metric])).toEqual([['2001:db8::4', 1024]]);
  });

  test('types, tables, multipath and a gateway of the other family', async () => {
    const outIndex = wire();
    await succeed(
      newRoute({ destination: prefix('10.5.0.0/16'), type: 'blackhole', table: 1000, protocol: 111 }, 'create'),
      newRoute({ destination: prefix('10.6.0.0/16'), type: 'unreachable', protocol: 111 }, 'create'),
      newRoute({ destination: prefix('0.0.0.0/0'), gateway: address('192.0.2.254'), protocol: 111 }, 'create'),
      newRoute({ destination: prefix('::/0'), gateway: address('2001:db8::ff'), outIndex, protocol: 111 }, 'create'),
      newRoute(
        { destination: prefix('10.7.0.0/16'), gateway: address('2001:db8::7'), outIndex, protocol: 111 },
        'create',
      ),
      newRoute(
        {
          destination: prefix('10.8.0.0/16'),
          protocol: 111,
          multipath: [
            { gateway: address('192.0.2.8'), outIndex, weight: 3 },
            { gateway: address('198.51.100.8'), outIndex, onlink: true },
          ],
        },
        'create',
      ),
    );
    expect(host.show('route show table 1000')[0]).toMatchObject({ type: 'blackhole', dst: '10.5.0.0/16' });
    expect(host.show('route show 10.7.0.0/16')[0]).toMatchObject({ via: { family: 'inet6', host: '2001:db8::7' } });
    const shown = host.show('route show 10.8.0.0/16')[0].nexthops as Record<string, unknown>[];
    expect(shown.map(({ gateway, weight, flags }) => [gateway, weight, flags])).toEqual([
      ['192.0.2.8', 3, []],
      ['198.51.100.8', 1, ['onlink']],
    ]);
    const found = await collect(port, dumpRoutes({ protocol: 111 }), decodeRoute);
    const one = (text: string) => found.find((route) => route.destination === text);
    expect(one('10.5.0.0/16')).toMatchObject({ type: 'blackhole', table: 1000, outIndex: undefined });
    expect(one('10.6.0.0/16')).toMatchObject({ type: 'unreachable', table: 254 });
    expect(one('0.0.0.0/0')).toMatchObject({ gateway: '192.0.2.254', outIndex });
    expect(one('::/0')).toMatchObject({ gateway: '2001:db8::ff', outIndex });
    expect(one('10.7.0.0/16')).toMatchObject({ family: 'ipv4', gateway: '2001:db8::7' });
    expect(one('10.8.0.0/16')?.multipath).toMatchObject([
      { gateway: '192.0.2.8', weight: 3, outIndex, onlink: false },
      { gateway: '198.51.100.8', weight: 1, outIndex, onlink: true },
    ]);
    expect(await collect(port, dumpRoutes({ family: 'ipv4', table: 1000 }), decodeRoute)).toHaveLength(1);
    const ofLink = await collect(port, dumpRoutes({ family: 'ipv4', table: 254, outIndex }), decodeRoute);
    expect(ofLink.map(({ destination }) => destination).sort()).toEqual([
      '0.0.0.0/0',
      '10.7.0.0/16',
      '10.8.0.0/16',
      '192.0.2.0/24',
    ]);
  });

  test('a lookup tells the way of a packet, an unreachable one is an error with a name', async () => {
    const outIndex = wire();
    host.ip('route add 10.244.0.0/16 via 192.0.2.7');
    const adjacent = decodeRoute(await port.query(lookupRoute({ destination: address('192.0.2.200') })));
    expect(adjacent).toMatchObject({ outIndex, gateway: undefined, prefSrc: '192.0.2.1', type: 'unicast', table: 254 });
    const far = decodeRoute(await port.query(lookupRoute({ destination: address('10.244.7.7') })));
    expect(far).toMatchObject({ gateway: '192.0.2.7', outIndex });
    const matched = decodeRoute(await port.query(lookupRoute({ destination: address('10.244.7.7'), fibMatch: true })));
    expect(matched).toMatchObject({ destination: '10.244.0.0/16' });
    const local6 = decodeRoute(await port.query(lookupRoute({ destination: address('2001:db8::1') })));
    expect(local6).toMatchObject({ type: 'local' });
    await expect(port.query(lookupRoute({ destination: address('198.51.100.1') }))).rejects.toMatchObject({
      errnoName: 'ENETUNREACH',
    });
  });
});

describe('neighbours and FDB entries', () => {
  test('neighbours of both families round-trip', async () => {
    const index = wire();
    const specs = [
      { index, address: address('10.244.2.0'), mac: mac('02:00:00:00:00:02') },
      { index, address: address('fd00:2::'), mac: mac('02:00:00:00:00:03') },
    ];
    await succeed(...specs.map((spec) => newNeighbour(spec, 'upsert')));
    const shown = host.show('neighbour show dev eth0 nud permanent');
    expect(shown.map(({ dst, lladdr }) => [dst, lladdr]).sort()).toEqual([
      ['10.244.2.0', '02:00:00:00:00:02'],
      ['fd00:2::', '02:00:00:00:00:03'],
    ]);
    host.ip('neighbour add 192.0.2.44 lladdr 02:00:00:00:00:44 dev eth0 nud reachable');
    const found = await collect(port, dumpNeighbours({ index }), decodeNeighbour);
    for (const spec of specs) {
      expect(found.find((each) => each.address === spec.address)).toMatchObject({
        ...spec,
        state: 'permanent',
        permanent: true,
      });
    }
    expect(found.find((each) => each.address === '192.0.2.44')).toMatchObject({ state: 'reachable', permanent: false });
    expect(
      (await collect(port, dumpNeighbours({ family: 'ipv6', index }), decodeNeighbour)).every(
        ({ family }) => family === 'ipv6',
      ),
    ).toBe(true);
    expect(decodeNeighbour(await port.query(getNeighbour(specs[0])))).toMatchObject(specs[0]);
    await succeed(...specs.map((spec) => deleteNeighbour(spec)));
    await expect(port.query(getNeighbour(specs[0]))).rejects.toMatchObject({ errnoName: 'ENOENT' });
  });

  test('FDB entries of a VXLAN device round-trip', async () => {
    wire();
    host.ip('link add vx0 type vxlan id 1 dstport 8472 nolearning');
    host.ip('link add br0 type bridge');
    host.ip('link set far0 master br0');
    const { index } = await linkNamed(port, 'vx0');
    const plain = { index, mac: mac('02:00:00:00:00:02'), destination: address('192.0.2.2') };
    const full = { index, mac: mac('02:00:00:00:00:03'), destination: address('192.0.2.3'), port: 4789, vni: 99 };
    await succeed(newFdb(plain, 'create'), newFdb(full, 'create'));
    const shown = host.showBridge('fdb show dev vx0');
    expect(shown).toContainEqual(
      expect.objectContaining({ mac: plain.mac, dst: plain.destination, flags: ['self'], state: 'permanent' }),
    );
    expect(shown).toContainEqual(
      expect.objectContaining({ mac: full.mac, dst: full.destination, port: 4789, vni: 99 }),
    );
    host.bridge('fdb append 00:00:00:00:00:00 dst 192.0.2.5 dev vx0');
    host.bridge('fdb append 00:00:00:00:00:00 dst 192.0.2.6 dev vx0');
    const found = await collect(port, dumpFdb({ index }), decodeFdb);
    expect(found).toHaveLength(4);
    expect(found.find((each) => each.mac === plain.mac)).toMatchObject({
      ...plain,
      permanent: true,
      self: true,
      master: false,
    });
    expect(found.find((each) => each.mac === full.mac)).toMatchObject(full);
    expect(
      found
        .filter((each) => each.mac === '00:00:00:00:00:00')
        .map((each) => each.destination)
        .sort(),
    ).toEqual(['192.0.2.5', '192.0.2.6']);
    expect(decodeFdb(await port.query(getFdb(plain)))).toMatchObject(plain);
    // Without the filter the bridge port's own entries come too.
    const all = await collect(port, dumpFdb(), decodeFdb);
    expect(all.some((each) => each.index !== index && each.masterIndex !== undefined)).toBe(true);

    await succeed(newFdb({ ...plain, destination: address('192.0.2.22') }, 'upsert'), deleteFdb(full));
    const after = await collect(port, dumpFdb({ index }), decodeFdb);
    expect(after.filter((each) => each.mac === plain.mac).map((each) => each.destination)).toEqual(['192.0.2.22']);
    expect(after.some((each) => each.mac === full.mac)).toBe(false);
    expect((await port.send([deleteFdb(full)])).get(0)).toMatchObject({ errnoName: 'ENOENT' });
    expect((await port.send([newFdb(plain, 'create')])).get(0)).toMatchObject({ errnoName: 'EEXIST' });
  });
});

describe('traffic control', () => {
  test('a clsact qdisc is made, seen and deleted, and its filters are listed by direction', async () => {
    const index = wire();
    const clsact = async () => {
      const found = await collect(port, dumpQdiscs(), decodeQdisc);
      return found.filter((qdisc) => qdisc.index === index && qdisc.kind === 'clsact');
    };
    const names = async (message: Uint8Array): Promise<readonly string[]> =>
      [...(await port.send([message])).values()].map((error) => error.errnoName);
    // Asked for so that it cannot be made, it shows whether the kernel knows the kind.
    const trial = tryClsact(index);
    expect(await names(trial)).toEqual(['EINVAL']);
    expect(await clsact()).toEqual([]);
    const unknown = Buffer.from(trial);
    unknown.write('clsacx', unknown.indexOf('clsact'));
    expect(await names(unknown)).toEqual(['ENOENT']);
    await succeed(newClsact(index));
    expect(await names(trial)).toEqual(['EEXIST']);
    expect(await clsact()).toEqual([{ index, kind: 'clsact' }]);
    expect(await names(newClsact(index))).toEqual(['EEXIST']);
    // One instruction of classic BPF: no packet matches.
    host.tc('filter add dev eth0 ingress prio 7 handle 0x2 bpf bytecode', '1,6 0 0 0');
    const filters = (direction: 'ingress' | 'egress') => collect(port, dumpFilters({ index, direction }), decodeFilter);
    expect(await filters('ingress')).toEqual([
      expect.objectContaining({ index, direction: 'ingress', priority: 7, handle: 2, kind: 'bpf' }),
    ]);
    expect(await filters('egress')).toEqual([]);
    await succeed(deleteClsact(index));
    expect(await clsact()).toEqual([]);
    expect(await filters('ingress')).toEqual([]);
  });
});

describe('a veth pair', () => {
  test('without ARP, made at once with its other end', async () => {
    await succeed(
      ...newLink({ name: 'tun0', kind: 'veth', peer: { name: 'tun0-in' }, noArp: true, up: true, mtu: 1472 }),
    );
    expect(host.show('link show dev tun0')[0]).toMatchObject({ link: 'tun0-in', mtu: 1472 });
    expect(host.show('link show dev tun0')[0].flags).toEqual(expect.arrayContaining(['NOARP', 'UP']));
    await succeed(setLink('tun0', { noArp: false }));
    expect(host.show('link show dev tun0')[0].flags).not.toContain('NOARP');
    expect(host.show('link show dev tun0')[0].flags).toContain('UP');
  });
});
