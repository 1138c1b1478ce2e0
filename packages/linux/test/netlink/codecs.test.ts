// Our encoders and decoders against those of the npm package netlink, which were generated from the kernel's headers by
// somebody else. Only its pure modules are loaded, not its socket.
import { describe, expect, test } from '@jest/globals';
import type { Address, Mac, Prefix } from '@overlay/core';
import { formatLink, MessageType as TheirType, MulticastGroups } from 'netlink/dist/rt/gen_structs.js';
import { formatInfo, formatLinkAttrs, formatVxlan, parseInfo, parseVxlan } from 'netlink/dist/rt/ifla.js';
import {
  parseAddressMessage,
  parseLinkMessage,
  parseNeighborMessage,
  parseRouteMessage,
} from 'netlink/dist/rt/structs.js';
import type { StreamData } from 'netlink/dist/structs.js';
import { AttrStream } from 'netlink/dist/structs.js';
import {
  decodeAddress,
  decodeFdb,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  deleteRoute,
  describeRequest,
  eachMessage,
  firstMessage,
  Group,
  lookupRoute,
  MessageType,
  newAddress,
  newFdb,
  newLink,
  newNeighbour,
  newRoute,
  setLink,
} from '../../dist/netlink/index.js';

const payload = (message: Uint8Array): Buffer => Buffer.from(message.subarray(16));
const address = (text: string): Address => text as Address;
const prefix = (text: string): Prefix => text as Prefix;
const mac = (text: string): Mac => text as Mac;
const MAC = Buffer.from('020000000001', 'hex');

describe('constants', () => {
  test('message types and groups are those of the kernel’s headers', () => {
    expect(MessageType).toMatchObject({
      newLink: TheirType.NEWLINK,
      deleteLink: TheirType.DELLINK,
      getLink: TheirType.GETLINK,
      setLink: TheirType.SETLINK,
      newAddress: TheirType.NEWADDR,
      deleteAddress: TheirType.DELADDR,
      getAddress: TheirType.GETADDR,
      newRoute: TheirType.NEWROUTE,
      deleteRoute: TheirType.DELROUTE,
      getRoute: TheirType.GETROUTE,
      newNeighbour: TheirType.NEWNEIGH,
      deleteNeighbour: TheirType.DELNEIGH,
      getNeighbour: TheirType.GETNEIGH,
      newQdisc: TheirType.NEWQDISC,
      deleteQdisc: TheirType.DELQDISC,
      getQdisc: TheirType.GETQDISC,
      newFilter: TheirType.NEWTFILTER,
      deleteFilter: TheirType.DELTFILTER,
      getFilter: TheirType.GETTFILTER,
    });
    expect(Group).toEqual({
      link: MulticastGroups.LINK,
      neighbour: MulticastGroups.NEIGH,
      trafficControl: MulticastGroups.TC,
      ipv4Address: MulticastGroups.IPV4_IFADDR,
      ipv4Route: MulticastGroups.IPV4_ROUTE,
      ipv4Rule: MulticastGroups.IPV4_RULE,
      ipv6Address: MulticastGroups.IPV6_IFADDR,
      ipv6Route: MulticastGroups.IPV6_ROUTE,
      ipv6Rule: MulticastGroups.IPV6_RULE,
      ipv4Settings: MulticastGroups.IPV4_NETCONF,
      ipv6Settings: MulticastGroups.IPV6_NETCONF,
      nexthop: MulticastGroups.NEXTHOP,
    });
  });
});

describe('what we encode, read by the other codec', () => {
  test('a VXLAN link', () => {
    const [create] = newLink({
      name: 'flannel.1',
      kind: 'vxlan',
      mtu: 1450,
      mac: mac('02:00:00:00:00:01'),
      up: true,
      vxlan: { vni: 7, port: 8472, local: address('192.0.2.1'), lowerIndex: 3, learning: false, gbp: true },
    });
    const link = parseLinkMessage(payload(create));
    expect(link.attrs).toMatchObject({ ifname: 'flannel.1', mtu: 1450, address: MAC });
    const info = parseInfo(link.attrs.linkinfo as Buffer);
    expect(info.kind).toBe('vxlan');
    const vxlan = parseVxlan(info.data as Buffer);
    expect(vxlan).toMatchObject({ id: 7, link: 3, local: Buffer.from([192, 0, 2, 1]), learning: 0, gbp: true });
    expect(vxlan.port).toEqual(Buffer.from([8472 >> 8, 8472 & 255]));
    expect(link.data).toMatchObject({ flags: { up: true }, change: { up: true } });
  });

  test('an address', () => {
    const { data, attrs } = parseAddressMessage(
      payload(newAddress({ index: 5, address: address('10.1.0.0'), prefixLength: 32, noPrefixRoute: true }, 'create')),
    );
    expect(data).toMatchObject({ family: 2, prefixlen: 32, index: 5 });
    expect(attrs).toMatchObject({ local: Buffer.from([10, 1, 0, 0]), address: Buffer.from([10, 1, 0, 0]) });
  });

  test('a route', () => {
    const { data, attrs } = parseRouteMessage(
      payload(
        newRoute(
          {
            destination: prefix('fd00:1::/64'),
            gateway: address('fd00:1::'),
            outIndex: 9,
            onlink: true,
            metric: 5,
            protocol: 111,
            mtu: 1400,
            table: 1000,
          },
          'upsert',
        ),
      ),
    );
    expect(data).toMatchObject({ family: 10, dstLen: 64, protocol: 111, scope: 'UNIVERSE', type: 'UNICAST' });
    expect(attrs).toMatchObject({
      oif: 9,
      priority: 5,
      metrics: { mtu: Buffer.from([0x78, 0x05, 0, 0]) },
      table: 1000,
    });
    expect(attrs.dst).toHaveLength(16);
    expect(attrs.gateway).toEqual(attrs.dst);
  });

  test('a neighbour and an FDB entry', () => {
    const neighbour = parseNeighborMessage(
      payload(newNeighbour({ index: 4, address: address('10.1.0.0'), mac: mac('02:00:00:00:00:01') }, 'upsert')),
    );
    expect(neighbour.data).toMatchObject({ family: 2, ifindex: 4, state: { permanent: true }, type: 1 });
    expect(neighbour.attrs).toMatchObject({ dst: Buffer.from([10, 1, 0, 0]), lladdr: MAC });
    const fdb = parseNeighborMessage(
      payload(newFdb({ index: 4, mac: mac('02:00:00:00:00:01'), destination: address('192.0.2.9') }, 'upsert')),
    );
    expect(fdb.data).toMatchObject({ family: 7, ifindex: 4, state: { permanent: true }, flags: { self: true } });
    expect(fdb.attrs).toMatchObject({ dst: Buffer.from([192, 0, 2, 9]), lladdr: MAC });
  });
});

function joined(data: StreamData): Buffer {
  const stream = new AttrStream();
  stream.emit(data);
  return Buffer.concat(stream.bufs);
}

test('what the other codec encodes, read by us: a VXLAN link', () => {
  const local6 = Buffer.from('20010db8000000000000000000000001', 'hex');
  const data = joined(formatVxlan({ id: 9, local6, port: Buffer.from([0x21, 0x18]), learning: 1, l2miss: 1 }));
  const attrs = {
    ifname: 'flannel.1',
    mtu: 1450,
    operstate: 6,
    ifalias: 'overlay:x',
    address: MAC,
    linkinfo: joined(formatInfo({ kind: 'vxlan', data })),
  };
  const fixed = formatLink({ family: 0, type: 1, index: 6, flags: { up: true, lowerUp: true, broadcast: true } });
  const body = Buffer.concat([fixed, joined(formatLinkAttrs(attrs))]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(16, 4);
  expect(decodeLink(firstMessage(Buffer.concat([header, body])))).toMatchObject({
    index: 6,
    name: 'flannel.1',
    kind: 'vxlan',
    up: true,
    lowerUp: true,
    operState: 'up',
    mtu: 1450,
    alias: 'overlay:x',
    mac: '02:00:00:00:00:01',
    vxlan: { vni: 9, local: '2001:db8::1', port: 8472, learning: true, l2miss: true, l3miss: false },
  });
});

describe('broken messages', () => {
  // A small generator of its own, so that a failure can be repeated.
  function* numbers(seed: number): Generator<number> {
    for (let state = seed; ;) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      yield state >>> 8;
    }
  }

  test('neither throw nor hang, whatever is in them', () => {
    const random = numbers(42);
    const next = (below: number): number => (random.next().value as number) % below;
    const decoders = [decodeLink, decodeAddress, decodeRoute, decodeNeighbour, decodeFdb];
    const seeds = [
      ...newLink({
        name: 'v',
        kind: 'vxlan',
        alias: 'x',
        vxlan: { vni: 1, local: address('fd00::1'), portRange: { low: 1, high: 2 } },
      }),
      newRoute(
        {
          destination: prefix('10.0.0.0/8'),
          multipath: [{ gateway: address('fd00::1'), outIndex: 1 }, { outIndex: 2 }],
          mtu: 9,
        },
        'create',
      ),
      newAddress({ index: 1, address: address('fd00::1'), prefixLength: 64, validSeconds: 5 }, 'create'),
      newFdb({ index: 1, mac: mac('02:00:00:00:00:01'), destination: address('10.0.0.1'), port: 1, vni: 2 }, 'create'),
    ];
    let messages = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from(seeds[next(seeds.length)]).subarray(0, 16 + next(200));
      for (let hit = next(4); hit >= 0; hit--) bytes[next(bytes.length)] = next(256);
      eachMessage(bytes, (message) => {
        messages++;
        for (const decode of decoders) decode(message);
      });
      if (bytes.length >= 32) describeRequest(bytes);
    }
    expect(messages).toBeGreaterThan(1000);
  });
});

test('requests are described in words', () => {
  expect(
    [
      ...newLink({ name: 'vx0', kind: 'vxlan', vxlan: { vni: 3 } }),
      setLink(4, { up: true }),
      newRoute({ destination: prefix('10.0.0.0/8'), gateway: address('192.0.2.1'), metric: 5 }, 'upsert'),
      deleteRoute({ destination: prefix('::/0'), outIndex: 3, type: 'blackhole' }),
      newNeighbour({ index: 2, address: address('fd00::1'), mac: mac('02:00:00:00:00:01') }, 'replace'),
      newFdb({ index: 2, destination: address('192.0.2.1'), mac: mac('02:00:00:00:00:01') }, 'append'),
      newAddress({ index: 2, address: address('10.0.0.1'), prefixLength: 8 }, 'create'),
      lookupRoute({ destination: address('192.0.2.1') }),
    ].map(describeRequest),
  ).toEqual([
    'adding link vx0 (vxlan id 3)',
    'changing link #4',
    'setting route 10.0.0.0/8 via 192.0.2.1 metric 5 table 254',
    'deleting route blackhole ::/0 dev #3 table 254',
    'replacing neighbour fd00::1 lladdr 02:00:00:00:00:01 dev #2',
    'adding FDB entry 02:00:00:00:00:01 dst 192.0.2.1 dev #2',
    'adding address 10.0.0.1/8 dev #2',
    'reading route 192.0.2.1/32',
  ]);
});
