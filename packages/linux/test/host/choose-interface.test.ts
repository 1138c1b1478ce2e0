import { describe, expect, test } from '@jest/globals';
import type { Prefix } from '@overlay/core';
import { chooseInterface, parseInterfaceOptions } from '../../dist/host/index.js';
import type { HostSnapshot, InterfaceOptions } from '../../dist/host/index.js';
import type { LinkSpec } from './snapshots.js';
import { snapshotOf } from './snapshots.js';

const V4 = { families: ['ipv4'] } as const;
const V6 = { families: ['ipv6'] } as const;
const DUAL = { families: ['ipv4', 'ipv6'] } as const;

/** A host with two networks and Docker. */
const TWO: Readonly<Record<string, LinkSpec>> = {
  eth0: { addresses: ['10.0.0.2', 'fd00::2', 'fe80::2'] },
  eth1: { mtu: 9000, addresses: ['10.9.0.2', '10.9.0.3', 'fd09::2'] },
  docker0: { addresses: ['172.17.0.1'] },
};
const VIA_ETH0 = [{ via: ['eth0'] }, { family: 'ipv6', via: ['eth0'] }] as const;

interface Case {
  readonly name: string;
  readonly options: InterfaceOptions;
  readonly host: HostSnapshot;
  /** Interface and addresses, `eth0 10.0.0.2 fd00::2`, and public addresses behind `>` where they differ. */
  readonly expected?: string;
  /** Otherwise the beginning of what it waits for. */
  readonly waiting?: string;
}

const CASES: readonly Case[] = [
  // default routes
  { name: 'default route', options: V4, host: snapshotOf(TWO, VIA_ETH0), expected: 'eth0 10.0.0.2' },
  { name: 'IPv6 default route', options: V6, host: snapshotOf(TWO, [VIA_ETH0[1]]), expected: 'eth0 fd00::2' },
  {
    name: 'both families on one interface',
    options: DUAL,
    host: snapshotOf(TWO, VIA_ETH0),
    expected: 'eth0 10.0.0.2 fd00::2',
  },
  {
    name: 'lowest metric',
    options: V4,
    host: snapshotOf(TWO, [
      { via: ['eth0'], metric: 200 },
      { via: ['eth1'], metric: 100 },
    ]),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'equal metrics: the first of the kernel',
    options: V4,
    host: snapshotOf(TWO, [{ via: ['eth1'] }, { via: ['eth0'] }]),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'multipath, which flanneld refuses',
    options: V4,
    host: snapshotOf(TWO, [{ via: ['eth1', 'eth0'] }]),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'multipath with a dead way',
    options: V4,
    host: snapshotOf(TWO, [{ via: [{ dead: 'eth1' }, 'eth0'] }]),
    expected: 'eth0 10.0.0.2',
  },
  {
    name: 'dual: the one interface with both, though IPv6 prefers another',
    options: DUAL,
    host: snapshotOf(TWO, [
      { via: ['eth0'] },
      { family: 'ipv6', via: ['eth1'], metric: 1 },
      { family: 'ipv6', via: ['eth0'], metric: 1024 },
    ]),
    expected: 'eth0 10.0.0.2 fd00::2',
  },
  {
    name: 'dual: different interfaces',
    options: DUAL,
    host: snapshotOf(TWO, [{ via: ['eth0'] }, { family: 'ipv6', via: ['eth1'] }]),
    waiting: 'the IPv4 and IPv6 default routes leave by different interfaces; name one with --iface.',
  },
  {
    name: 'dual: no IPv6 default route',
    options: DUAL,
    host: snapshotOf(TWO, [{ via: ['eth0'] }]),
    waiting: 'there is no IPv6 default route; name the interface with --iface.',
  },
  {
    name: 'no default route',
    options: V4,
    host: snapshotOf(TWO),
    waiting:
      'there is no IPv4 default route; name the interface with --iface. Interfaces of this host: ' +
      'eth0 (10.0.0.2, fd00::2, fe80::2), eth1 (10.9.0.2, 10.9.0.3, fd09::2), docker0 (172.17.0.1), lo',
  },
  {
    name: 'nothing at all',
    options: {},
    host: { links: [], addresses: [], defaultRoutes: [] },
    waiting: 'there is no default route; name the interface with --iface. Interfaces of this host: none',
  },
  {
    name: 'families open: IPv4 decides, IPv6 joins',
    options: {},
    host: snapshotOf(TWO, [{ via: ['eth1'] }]),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'families open: IPv6 alone',
    options: {},
    host: snapshotOf({ eth0: { addresses: ['fd00::2'] } }, [VIA_ETH0[1]]),
    expected: 'eth0 fd00::2',
  },
  {
    name: 'default route over a tunnel of the overlay',
    options: V4,
    host: snapshotOf({ 'flannel.1': { addresses: ['10.244.1.0'] }, ...TWO }, [
      { via: ['flannel.1'] },
      { via: ['eth0'], metric: 5 },
    ]),
    expected: 'eth0 10.0.0.2',
  },
  {
    name: 'default route over an interface that is down',
    options: V4,
    host: snapshotOf({ eth0: { up: false, addresses: ['10.0.0.2'] } }, [{ via: [{ dead: 'eth0' }] }]),
    waiting: 'default route: eth0 is down. Interfaces of this host: eth0 (down, 10.0.0.2), lo',
  },
  // --iface
  { name: 'name', options: { ...V4, iface: ['eth1'] }, host: snapshotOf(TWO, VIA_ETH0), expected: 'eth1 10.9.0.2' },
  {
    name: 'name, both families',
    options: { ...DUAL, iface: ['eth1'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'address: that one is used',
    options: { ...V4, iface: ['10.9.0.3'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.3',
  },
  {
    name: 'IPv6 address in dual, which ends flanneld',
    options: { ...DUAL, iface: ['fd09::2'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'IPv6 address in another spelling',
    options: { ...V6, iface: ['FD09:0::0002'] },
    host: snapshotOf(TWO),
    expected: 'eth1 fd09::2',
  },
  {
    name: 'an address for each family',
    options: { ...DUAL, iface: ['fd09::2', '10.9.0.3'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.3 fd09::2',
  },
  {
    name: 'the first that is there',
    options: { ...V4, iface: ['ens3', 'eth1', 'eth0'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'the first that will do',
    options: { ...DUAL, iface: ['docker0', 'eth1'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'an interface of the overlay, if it is named',
    options: { ...V4, iface: ['flannel.1'] },
    host: snapshotOf({ 'flannel.1': { addresses: ['10.244.1.0'] } }),
    expected: 'flannel.1 10.244.1.0',
  },
  {
    name: 'name that is not there',
    options: { ...V4, iface: ['ens3'] },
    host: snapshotOf(TWO, VIA_ETH0),
    waiting: '--iface ens3: there is no such interface. Interfaces of this host: eth0 (10.0.0.2',
  },
  {
    name: 'address that is not there',
    options: { ...V4, iface: ['10.8.0.1'] },
    host: snapshotOf(TWO),
    waiting: '--iface 10.8.0.1: no interface has this address.',
  },
  {
    name: 'two misses are both told',
    options: { ...V4, iface: ['ens3', '10.8.0.1'] },
    host: snapshotOf(TWO),
    waiting: '--iface ens3: there is no such interface; --iface 10.8.0.1: no interface has this address.',
  },
  {
    name: 'no address in a family that is needed',
    options: { ...DUAL, iface: ['docker0'] },
    host: snapshotOf(TWO),
    waiting: '--iface docker0: docker0 has no IPv6 address.',
  },
  {
    name: 'MTU 0',
    options: { ...V4, iface: ['eth0'] },
    host: snapshotOf({ eth0: { mtu: 0, addresses: ['10.0.0.2'] } }),
    waiting: '--iface eth0: eth0 has an MTU of 0.',
  },
  {
    name: 'down',
    options: { ...V4, iface: ['eth0'] },
    host: snapshotOf({ eth0: { up: false, addresses: ['10.0.0.2'] } }),
    waiting: '--iface eth0: eth0 is down.',
  },
  {
    name: 'loopback has none that can be used',
    options: { ...V4, iface: ['lo'] },
    host: snapshotOf(TWO),
    waiting: '--iface lo: lo has no IPv4 address.',
  },
  {
    name: 'loopback with an address of the host',
    options: { ...V4, iface: ['lo'] },
    host: snapshotOf({ lo: { broadcast: false, addresses: ['127.0.0.1', '192.0.2.1'] } }),
    expected: 'lo 192.0.2.1',
  },
  // --iface-regex
  {
    name: 'expression on addresses, not anchored',
    options: { ...V4, ifaceRegex: ['\\.9\\.0'] },
    host: snapshotOf(TWO, VIA_ETH0),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'the address that matches is used',
    options: { ...V4, ifaceRegex: ['0\\.3$'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.3',
  },
  {
    name: 'expression on names',
    options: { ...V4, ifaceRegex: ['^eth'] },
    host: snapshotOf(TWO),
    expected: 'eth0 10.0.0.2',
  },
  {
    name: 'addresses come before names',
    options: { ...V4, ifaceRegex: ['^eth0|172'] },
    host: snapshotOf(TWO),
    expected: 'docker0 172.17.0.1',
  },
  {
    name: 'case told to be ignored',
    options: { ...V4, ifaceRegex: ['(?i)^ETH1$'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'several expressions in order',
    options: { ...V4, ifaceRegex: ['^wlan', '^10\\.9'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'dual: never one interface with the address of another',
    options: { ...DUAL, ifaceRegex: ['^10\\.0\\.|^fd09'] },
    host: snapshotOf({ eth0: { addresses: ['10.0.0.2'] }, eth1: { addresses: ['10.0.1.2', 'fd09::2'] } }),
    expected: 'eth1 10.0.1.2 fd09::2',
  },
  {
    name: 'dual: a match in one family will do at last',
    options: { ...DUAL, ifaceRegex: ['^10\\.9'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'dual: a name comes before half a match',
    options: { ...DUAL, ifaceRegex: ['^10\\.9|^eth0'] },
    host: snapshotOf(TWO),
    expected: 'eth0 10.0.0.2 fd00::2',
  },
  {
    name: 'a name without address gives way to the next name',
    options: { ...V4, ifaceRegex: ['^eth'] },
    host: snapshotOf({ eth0: {}, eth1: { addresses: ['10.9.0.2'] } }),
    expected: 'eth1 10.9.0.2',
  },
  {
    name: 'devices and networks of the overlay are not found',
    options: { ...V4, ifaceRegex: ['^10\\.'], overlayNetworks: ['10.244.0.0/16' as Prefix] },
    host: snapshotOf({
      'flannel.1': { addresses: ['10.244.1.0'] },
      ov1: { alias: 'overlay:main', addresses: ['10.3.0.0'] },
      cni0: { addresses: ['10.244.1.1'] },
      eth0: { addresses: ['10.0.0.2'] },
    }),
    expected: 'eth0 10.0.0.2',
  },
  {
    name: 'expression without a match',
    options: { ...V4, ifaceRegex: ['^wlan'] },
    host: snapshotOf(TWO),
    waiting: '--iface-regex ^wlan: no address and no name matches.',
  },
  {
    name: 'expression with a match that will not do',
    options: { ...V6, ifaceRegex: ['docker'] },
    host: snapshotOf(TWO),
    waiting: '--iface-regex docker: matches, but docker0 has no IPv6 address.',
  },
  {
    name: '--iface comes before --iface-regex',
    options: { ...V4, iface: ['eth0'], ifaceRegex: ['eth1'] },
    host: snapshotOf(TWO),
    expected: 'eth0 10.0.0.2',
  },
  {
    name: '--iface-regex when --iface misses',
    options: { ...V4, iface: ['ens3'], ifaceRegex: ['eth1'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2',
  },
  // --iface-can-reach
  {
    name: 'reach: the source address is used',
    options: { ...V4, ifaceCanReach: '192.0.2.1' },
    host: snapshotOf(TWO, [], { index: 3, source: '10.9.0.3' as never }),
    expected: 'eth1 10.9.0.3',
  },
  {
    name: 'reach: the other family is the best one',
    options: { ...DUAL, ifaceCanReach: '2001:db8::1' },
    host: snapshotOf(TWO, [], { index: 3, source: 'fd09::2' as never }),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'reach: an address of this host',
    options: { ...V4, ifaceCanReach: '10.9.0.3' },
    host: snapshotOf(TWO, [], { index: 1, source: '10.9.0.3' as never }),
    expected: 'eth1 10.9.0.3',
  },
  {
    name: 'reach: no way',
    options: { ...V4, ifaceCanReach: '192.0.2.1' },
    host: snapshotOf(TWO, VIA_ETH0, { problem: 'network is unreachable' }),
    waiting: '--iface-can-reach 192.0.2.1: network is unreachable.',
  },
  {
    name: 'reach: the interface has just gone',
    options: { ...V4, ifaceCanReach: '192.0.2.1' },
    host: snapshotOf(TWO, [], { index: 77 }),
    waiting: '--iface-can-reach 192.0.2.1: the interface with index 77 is gone.',
  },
  // public addresses
  {
    name: 'public address of an interface chooses it',
    options: { ...V4, publicIP: '10.9.0.3' },
    host: snapshotOf(TWO, VIA_ETH0),
    expected: 'eth1 10.9.0.3',
  },
  {
    name: 'public IPv6 address chooses when there is no IPv4 one',
    options: { ...DUAL, publicIPv6: 'fd09::2' },
    host: snapshotOf(TWO, VIA_ETH0),
    expected: 'eth1 10.9.0.2 fd09::2',
  },
  {
    name: 'public address behind translation',
    options: { ...V4, publicIP: '203.0.113.5', iface: ['eth1'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.2 > 203.0.113.5',
  },
  {
    name: 'both public addresses',
    options: { ...DUAL, publicIP: '203.0.113.5', publicIPv6: '2001:db8::5', iface: ['eth0'] },
    host: snapshotOf(TWO),
    expected: 'eth0 10.0.0.2 fd00::2 > 203.0.113.5 2001:db8::5',
  },
  {
    name: 'public address that is the second of the interface',
    options: { ...V4, publicIP: '10.9.0.3', iface: ['eth1'] },
    host: snapshotOf(TWO),
    expected: 'eth1 10.9.0.3',
  },
  {
    name: 'public address on no interface',
    options: { ...V4, publicIP: '203.0.113.5' },
    host: snapshotOf(TWO, VIA_ETH0),
    waiting:
      '--public-ip 203.0.113.5: no interface has this address (behind address translation, name the interface with --iface too).',
  },
  // addresses
  {
    name: 'global before link-local',
    options: { ...V6, iface: ['eth0'] },
    host: snapshotOf({ eth0: { addresses: ['fe80::2', 'fd00::2'] } }),
    expected: 'eth0 fd00::2',
  },
  {
    name: 'link-local if there is nothing else',
    options: { ...V4, iface: ['eth0'] },
    host: snapshotOf({ eth0: { addresses: ['169.254.7.7'] } }),
    expected: 'eth0 169.254.7.7',
  },
  {
    name: 'permanent before dynamic',
    options: { ...V4, iface: ['eth0'] },
    host: snapshotOf({ eth0: { addresses: [{ address: '10.0.0.9', permanent: false }, '10.0.0.2'] } }),
    expected: 'eth0 10.0.0.2',
  },
  {
    name: 'lasting before temporary',
    options: { ...V6, iface: ['eth0'] },
    host: snapshotOf({
      eth0: {
        addresses: [
          { address: '2001:db8::9', permanent: false, temporary: true },
          { address: '2001:db8::2', permanent: false },
        ],
      },
    }),
    expected: 'eth0 2001:db8::2',
  },
  {
    name: 'a temporary global one before a permanent link-local one',
    options: { ...V6, iface: ['eth0'] },
    host: snapshotOf({
      eth0: { addresses: ['fe80::2', { address: '2001:db8::9', permanent: false, temporary: true }] },
    }),
    expected: 'eth0 2001:db8::9',
  },
  {
    name: 'deprecated ones are left out',
    options: { ...V6, iface: ['eth0'] },
    host: snapshotOf({ eth0: { addresses: [{ address: 'fd00::1', deprecated: true }, 'fe80::2'] } }),
    expected: 'eth0 fe80::2',
  },
  {
    name: 'tentative ones are waited for',
    options: { ...V6, iface: ['eth0'] },
    host: snapshotOf({ eth0: { addresses: [{ address: 'fd00::1', tentative: true }] } }),
    waiting:
      '--iface eth0: eth0 has no IPv6 address that can be used (fd00::1: it is still being checked for duplicates).',
  },
  {
    name: 'duplicate addresses are told',
    options: { ...V6, iface: ['fd00::1'] },
    host: snapshotOf({ eth0: { addresses: [{ address: 'fd00::1', tentative: true, dadFailed: true }] } }),
    waiting: '--iface fd00::1: eth0 has it, but another host has it too.',
  },
];

describe('chooseInterface', () => {
  test.each(CASES)('$name', ({ options, host, expected, waiting }) => {
    const state = chooseInterface(host, parseInterfaceOptions(options));
    if (waiting !== undefined) {
      expect(state.host).toBeUndefined();
      expect(state.waiting?.slice(0, waiting.length)).toBe(waiting);
    } else {
      expect(state.waiting).toBeUndefined();
      expect(summary(state)).toBe(expected);
    }
  });

  test('tells index, MTU, kind of link and carrier', () => {
    const host = snapshotOf({
      wg0: { index: 42, mtu: 1420, broadcast: false, pointToPoint: true, lowerUp: false, addresses: ['10.5.0.1'] },
    });
    const { host: chosen } = chooseInterface(host, parseInterfaceOptions({ ...V4, iface: ['wg0'] }));
    expect(chosen).toEqual({
      interface: { name: 'wg0', index: 42, mtu: 1420, broadcast: false, running: false },
      ipv4: { address: '10.5.0.1', publicIP: '10.5.0.1' },
    });
  });

  test('does not list every interface of a host with many pods', () => {
    const pods = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`veth${n}`, {}]));
    const state = chooseInterface(
      snapshotOf({ ...pods, eth0: { addresses: ['10.0.0.2'] } }),
      parseInterfaceOptions({ ...V4, iface: ['eth1'] }),
    );
    expect(state.waiting).toMatch(/Interfaces of this host: eth0 \(10\.0\.0\.2\), lo, veth0, .* and 190 more$/);
  });
});

function summary({ host }: ReturnType<typeof chooseInterface>): string {
  const both = [host?.ipv4, host?.ipv6];
  const own = both.flatMap((address) => (address === undefined ? [] : [address.address]));
  const told = both.flatMap((address) => (address === undefined ? [] : [address.publicIP]));
  const line = [host?.interface.name, ...own].join(' ');
  return own.join() === told.join() ? line : `${line} > ${told.join(' ')}`;
}
