import { describe, expect, test } from '@jest/globals';
import type { Address, JsonValue, Lease } from '../dist/index.js';
import type { HeldLease } from '../dist/lease-table/index.js';
import { LeaseTable } from '../dist/lease-table/index.js';
import { Bench, dualHost, host, IPV4_ONLY, lease4, NET_CONF } from './lease-table-fixtures.js';

/** The own lease 10.244.1.0/24 at 192.168.0.1 behind NAT as 203.0.113.1; the peer h2 accepted, with a MAC. */
function bench(): Bench {
  const own = {
    ...dualHost(1),
    attributes: {
      backendType: 'vxlan',
      ipv4: { publicIP: '203.0.113.1' as Address, data: { mac: '02:00:00:00:00:01' } },
      ipv6: { publicIP: '2001:db8::1' as Address },
    },
  };
  const made = new Bench();
  made.take(made.table.setOwn(own, 0));
  made.take(made.table.setUnderlay(['192.168.0.1', '10.244.77.7', '2001:db8::1'] as Address[], 0));
  made.take(made.table.setClaims(macs, 0));
  const peer = dualHost(2);
  const ipv4 = { publicIP: '192.168.0.2' as Address, data: { mac: '02:00:00:00:00:02' } };
  expect(made.take(made.table.snapshot([{ ...peer, attributes: { ...peer.attributes, ipv4 } }], 0))).toBe('set h2');
  made.take(made.table.changes([{ type: 'set', lease: lease4('h3', '10.244.3.0/24', '10.244.88.8') }], 0));
  return made;
}

function macs(lease: Lease): string[] {
  return [lease.attributes.ipv4, lease.attributes.ipv6]
    .map((endpoint) => endpoint?.data as { mac?: string } | undefined)
    .flatMap((data) => (data?.mac === undefined ? [] : [`mac:${data.mac.toLowerCase()}`]));
}

/** A lease that is no lease at all, as a careless subnet manager may give it. */
function foreign(parts: Record<string, unknown>): Lease {
  return { key: 'x', subnets: {}, attributes: { backendType: 'vxlan' }, ...parts };
}

const lease6 = (subnet: string, publicIP: string): Lease =>
  foreign({ subnets: { ipv6: subnet }, attributes: { backendType: 'vxlan', ipv6: { publicIP } } });
const x = (subnet: string, publicIP = '192.168.0.9', data?: JsonValue): Lease => lease4('x', subnet, publicIP, data);
const ok = '10.244.9.0/24';

const held: [string, Lease, Omit<HeldLease, 'key'>][] = [
  // The subnet against the configuration.
  ['outside the network', x('10.245.9.0/24'), v4('subnet 10.245.9.0/24 is not inside the network 10.244.0.0/16')],
  ['around the network', x('10.240.0.0/12'), v4('subnet 10.240.0.0/12 is not inside the network 10.244.0.0/16')],
  [
    'IPv6 outside',
    lease6('fd00:43::/64', '2001:db8::9'),
    v6('subnet fd00:43::/64 is not inside the network fd00:42::/48'),
  ],
  ['everything', x('0.0.0.0/0'), v4("subnet 0.0.0.0/0 cannot be a host's: expected a prefix length from 1 to 31")],
  [
    'one address',
    x('10.244.9.1/32'),
    v4("subnet 10.244.9.1/32 cannot be a host's: expected a prefix length from 1 to 31"),
  ],
  [
    'IPv6 everything',
    lease6('::/0', '2001:db8::9'),
    v6("subnet ::/0 cannot be a host's: expected a prefix length from 1 to 127"),
  ],
  [
    'one IPv6 address',
    lease6('fd00:42::9/128', '2001:db8::9'),
    v6("subnet fd00:42::9/128 cannot be a host's: expected a prefix length from 1 to 127"),
  ],
  // The subnet against this host.
  ['our subnet', x('10.244.1.0/24'), v4("subnet 10.244.1.0/24 overlaps this host's own subnet 10.244.1.0/24")],
  ['around our subnet', x('10.244.0.0/22'), v4("subnet 10.244.0.0/22 overlaps this host's own subnet 10.244.1.0/24")],
  [
    'inside our subnet',
    x('10.244.1.128/25'),
    v4("subnet 10.244.1.128/25 overlaps this host's own subnet 10.244.1.0/24"),
  ],
  [
    'our IPv6 subnet',
    lease6('fd00:42:0:1::/64', '2001:db8::9'),
    v6("subnet fd00:42:0:1::/64 overlaps this host's own subnet fd00:42:0:1::/64"),
  ],
  ['our underlay address', x('10.244.77.0/24'), v4("subnet 10.244.77.0/24 contains this host's address 10.244.77.7")],
  // The subnet against others.
  ['same subnet', x('10.244.2.0/24'), v4('subnet 10.244.2.0/24 overlaps 10.244.2.0/24 of lease "h2"')],
  ['part of it', x('10.244.2.64/26'), v4('subnet 10.244.2.64/26 overlaps 10.244.2.0/24 of lease "h2"')],
  ['around it', x('10.244.2.0/23'), v4('subnet 10.244.2.0/23 overlaps 10.244.2.0/24 of lease "h2"')],
  [
    'same IPv6 subnet',
    lease6('fd00:42:0:2::/64', '2001:db8::9'),
    v6('subnet fd00:42:0:2::/64 overlaps fd00:42:0:2::/64 of lease "h2"'),
  ],
  [
    'their public IP',
    x('10.244.88.0/24'),
    v4('subnet 10.244.88.0/24 contains the public IP 10.244.88.8 of lease "h3"'),
  ],
  // The public IP.
  ['its own public IP', x(ok, '10.244.9.9'), v4("subnet 10.244.9.0/24 contains the lease's own public IP 10.244.9.9")],
  ['no endpoint', foreign({ subnets: { ipv4: ok } }), v4('no public IP is published for IPv4')],
  [
    'endpoint null',
    foreign({ subnets: { ipv4: ok }, attributes: { backendType: '', ipv4: null } }),
    v4('no public IP is published for IPv4'),
  ],
  ['unspecified', x(ok, '0.0.0.0'), v4('public IP 0.0.0.0 is the unspecified address: no host can be reached there')],
  ['loopback', x(ok, '127.0.0.1'), v4('public IP 127.0.0.1 is a loopback address: no host can be reached there')],
  ['multicast', x(ok, '239.1.1.1'), v4('public IP 239.1.1.1 is a multicast address: no host can be reached there')],
  [
    'broadcast',
    x(ok, '255.255.255.255'),
    v4('public IP 255.255.255.255 is the broadcast address: no host can be reached there'),
  ],
  [
    'link-local',
    x(ok, '169.254.1.1'),
    v4('public IP 169.254.1.1 is a link-local address: no host can be reached there'),
  ],
  [
    'IPv6 unspecified',
    lease6('fd00:42:0:9::/64', '::'),
    v6('public IP :: is the unspecified address: no host can be reached there'),
  ],
  [
    'IPv6 loopback',
    lease6('fd00:42:0:9::/64', '::1'),
    v6('public IP ::1 is a loopback address: no host can be reached there'),
  ],
  [
    'IPv6 multicast',
    lease6('fd00:42:0:9::/64', 'ff02::1'),
    v6('public IP ff02::1 is a multicast address: no host can be reached there'),
  ],
  [
    'loopback in IPv6 clothes',
    lease6('fd00:42:0:9::/64', '::ffff:127.0.0.1'),
    v6('public IP ::ffff:127.0.0.1 is a loopback address: no host can be reached there'),
  ],
  [
    'our address',
    x(ok, '192.168.0.1'),
    v4('public IP 192.168.0.1 is an address of this host: two hosts publish the same one'),
  ],
  [
    'our IPv6 address',
    lease6('fd00:42:0:9::/64', '2001:db8::1'),
    v6('public IP 2001:db8::1 is an address of this host: two hosts publish the same one'),
  ],
  ['in our subnet', x(ok, '10.244.1.9'), v4("public IP 10.244.1.9 is inside this host's own subnet 10.244.1.0/24")],
  ['in their subnet', x(ok, '10.244.2.9'), v4('public IP 10.244.2.9 is inside the subnet 10.244.2.0/24 of lease "h2"')],
  // Claims.
  ['our MAC', x(ok, undefined, { mac: '02:00:00:00:00:01' }), v4('claims "mac:02:00:00:00:00:01", taken by this host')],
  [
    'their MAC',
    x(ok, undefined, { mac: '02:00:00:00:00:02' }),
    v4('claims "mac:02:00:00:00:00:02", taken by lease "h2"'),
  ],
  [
    'a MAC that is none',
    x(ok, undefined, { mac: 5 }),
    v4('what it publishes for IPv4 cannot be read: data.mac.toLowerCase is not a function'),
  ],
  // Text that is not what it should be.
  ['no prefix', x('10.244.9.0/33'), v4('subnet "10.244.9.0/33" is not an IPv4 prefix')],
  ['host bits', x('10.244.9.1/24'), v4('subnet "10.244.9.1/24" is not written as 10.244.9.0/24')],
  ['the other family', x('fd00:42::/64'), v4('subnet "fd00:42::/64" is not an IPv4 prefix')],
  ['not a text', x(7 as never), v4('subnet of type number is not an IPv4 prefix')],
  ['null', x(null as never), v4('subnet null is not an IPv4 prefix')],
  ['a hostile text', x('\u001b[2J\n'), v4('subnet "\\u001b[2J\\n" is not an IPv4 prefix')],
  ['no address', x(ok, '192.168.0'), v4('public IP "192.168.0" is not an IPv4 address')],
  ['the other family at the endpoint', x(ok, '2001:db8::9'), v4('public IP "2001:db8::9" is not an IPv4 address')],
  [
    'not canonical',
    lease6('fd00:42:0:9::/64', '2001:DB8::9'),
    v6('public IP "2001:DB8::9" is not written as 2001:db8::9'),
  ],
  ['no subnets at all', foreign({}), { reasons: {}, problem: 'the lease has no subnets' }],
  ['subnets null', foreign({ subnets: null }), { reasons: {}, problem: 'the lease has no subnets' }],
  ['attributes missing', foreign({ attributes: undefined }), { reasons: {}, problem: 'the lease has no attributes' }],
  [
    'no backend type',
    foreign({ attributes: {} }),
    { reasons: {}, problem: 'the lease does not say for which backend it is' },
  ],
];

function v4(ipv4: string): Omit<HeldLease, 'key'> {
  return { reasons: { ipv4 } };
}

function v6(ipv6: string): Omit<HeldLease, 'key'> {
  return { reasons: { ipv6 } };
}

describe('leases that are held', () => {
  test.each(held)('%s', (_, lease, expected) => {
    const { table } = bench();
    const before = table.size;
    expect(table.changes([{ type: 'set', lease }], 1)).toBeUndefined();
    expect([...table.held()]).toEqual([{ key: 'x', ...expected }]);
    expect(table.get('x')).toBeUndefined();
    expect(table.size).toBe(before);
    // In a snapshot it is the same, and it goes when the store has it no more.
    const peers = [...table.accepted()];
    expect(table.snapshot([...peers, lease], 2)).toBeUndefined();
    expect([...table.held()]).toEqual([{ key: 'x', ...expected }]);
    expect(table.snapshot(peers, 3)).toBeUndefined();
    expect([...table.held()]).toEqual([]);
  });

  test('the table above is no trifle', () => expect(held.length).toBeGreaterThanOrEqual(45));

  test('what is no object or has no key is passed over', () => {
    const { table } = bench();
    const junk = [null, 7, 'x', {}, { key: 5 }, []] as unknown as Lease[];
    expect(
      table.changes(
        junk.map((lease) => ({ type: 'set', lease })),
        1,
      ),
    ).toBeUndefined();
    expect([...table.held()]).toEqual([]);
  });

  test('what was published may be nested as deep as it likes', () => {
    const { table } = new Bench();
    const deep = (): Lease => lease4('x', ok, '192.168.0.9', JSON.parse('['.repeat(5000) + ']'.repeat(5000)));
    expect(table.snapshot([deep()], 0)?.set).toHaveLength(1);
    expect(() => table.snapshot([deep()], 1)).not.toThrow();
  });
});

describe('holding by family', () => {
  test('one bad family takes only itself', () => {
    const { table } = bench();
    const lease = { ...dualHost(9), key: 'x' };
    lease.attributes = { ...lease.attributes, ipv6: { publicIP: '::' as Address } };
    const delta = table.changes([{ type: 'set', lease }], 1);
    expect(delta?.set).toEqual([lease4('x', '10.244.9.0/24', '192.168.0.9')]);
    expect([...table.held()]).toEqual([
      { key: 'x', ...v6('public IP :: is the unspecified address: no host can be reached there') },
    ]);
    const mended = { ...lease, attributes: dualHost(9).attributes };
    expect(table.changes([{ type: 'set', lease: mended }], 2)).toEqual({ type: 'delta', set: [mended], deleted: [] });
    expect([...table.held()]).toEqual([]);
  });

  test('a family that is not enabled is held with its reason until it is', () => {
    const { table } = new Bench();
    table.setNetConf(IPV4_ONLY, 0);
    expect(table.snapshot([dualHost(2)], 1)?.set).toEqual([host(2)]);
    expect([...table.held()]).toEqual([{ key: 'h2', ...v6("IPv6 is not enabled in the network's configuration") }]);
    expect(table.setNetConf(NET_CONF, 2)).toEqual({ type: 'delta', set: [dualHost(2)], deleted: [] });
    expect([...table.held()]).toEqual([]);
    expect(table.setNetConf(IPV4_ONLY, 3)).toEqual({ type: 'delta', set: [host(2)], deleted: [] });
  });

  test('without a configuration everything is held', () => {
    const table = new LeaseTable();
    expect(table.snapshot([host(2)], 0)).toBeUndefined();
    expect([...table.held()]).toEqual([{ key: 'h2', ...v4("the network's configuration is not known yet") }]);
    expect(table.setNetConf(NET_CONF, 1)?.set).toEqual([host(2)]);
  });

  test('an endpoint without a subnet is not passed on', () => {
    const made = new Bench();
    const lease = { ...host(2), attributes: dualHost(2).attributes };
    expect(made.table.snapshot([lease], 0)?.set).toEqual([host(2)]);
    expect([...made.table.held()]).toEqual([]);
    expect(made.table.snapshot([lease], 0)).toBeUndefined();
  });
});
