import { describe, expect, test } from '@jest/globals';
import type { Prefix } from '@overlay/core';
import { parsePrefix, prefixContains } from '@overlay/core';
import type { LabOptions } from '../../dist/plan/options.js';
import { labShape, MAX_HOSTS } from '../../dist/plan/options.js';
import { hostScript, routerScript } from '../../dist/plan/link-scripts.js';
import type { Topology } from '../../dist/plan/topology.js';
import { planTopology } from '../../dist/plan/topology.js';

function plan(options: LabOptions): Topology {
  return planTopology(labShape(options, () => 'abc123'));
}

describe('planTopology', () => {
  test('flat: every host is on one segment, behind one gateway', () => {
    const topology = plan({ hosts: 3 });
    expect(topology.routerNetns).toBe('ovl-abc123-router');
    expect(topology.segments).toEqual([
      { bridge: 'br0', prefixes: { ipv4: '192.168.77.0/24' }, gateways: { ipv4: '192.168.77.1' } },
    ]);
    expect(topology.hosts.map(({ name, netns, addresses }) => [name, netns, addresses])).toEqual([
      ['h1', 'ovl-abc123-h1', { ipv4: '192.168.77.11' }],
      ['h2', 'ovl-abc123-h2', { ipv4: '192.168.77.12' }],
      ['h3', 'ovl-abc123-h3', { ipv4: '192.168.77.13' }],
    ]);
  });

  test('routed: h1 and h2 share a segment, each other host has its own', () => {
    const { hosts } = plan({ hosts: 4, underlay: 'routed', families: ['ipv6', 'ipv4'] });
    expect(hosts.map(({ segment, addresses }) => [segment.bridge, addresses.ipv4, addresses.ipv6])).toEqual([
      ['br0', '192.168.77.11', 'fd77:77:77::11'],
      ['br0', '192.168.77.12', 'fd77:77:77::12'],
      ['br1', '192.168.78.13', 'fd77:77:77:1::13'],
      ['br2', '192.168.79.14', 'fd77:77:77:2::14'],
    ]);
  });

  test.each(['flat', 'routed'] as const)(
    'the largest %s lab has distinct addresses inside their segments',
    (underlay) => {
      const { hosts } = plan({ hosts: MAX_HOSTS[underlay], underlay, families: ['ipv4', 'ipv6'] });
      const all = hosts.flatMap((host) => [host.addresses.ipv4, host.addresses.ipv6]);
      expect(new Set(all).size).toBe(2 * MAX_HOSTS[underlay]);
      for (const { addresses, segment } of hosts) {
        for (const family of ['ipv4', 'ipv6'] as const) {
          const address = addresses[family];
          expect(address !== undefined && prefixContains(segment.prefixes[family] as Prefix, address)).toBe(true);
          expect(address).not.toBe(segment.gateways[family]);
        }
      }
    },
  );

  test('the underlay keeps out of the overlay', () => {
    const avoid = [parsePrefix('192.168.0.0/16'), parsePrefix('fd77::/16')];
    const { segments } = plan({ hosts: 2, families: ['ipv4', 'ipv6'], avoid });
    expect(segments[0]?.prefixes).toEqual({ ipv4: '172.31.77.0/24', ipv6: 'fd78:77:77::/64' });
  });

  test('an overlay that leaves no room for the underlay is refused', () => {
    const avoid = [parsePrefix('0.0.0.0/0')];
    expect(() => plan({ hosts: 2, avoid })).toThrow(
      expect.objectContaining({ code: 'OVERLAY_LAB_OPTION', key: 'avoid' }),
    );
  });

  test.each<[Partial<LabOptions>, string]>([
    [{ hosts: 0 }, 'lab: hosts: expected an integer from 1 to 240, got 0'],
    [{ hosts: 241 }, 'lab: hosts: expected an integer from 1 to 240, got 241'],
    [{ hosts: 161, underlay: 'routed' }, 'lab: hosts: expected an integer from 1 to 160, got 161'],
    [{ hosts: 2.5 }, 'lab: hosts: expected an integer from 1 to 240, got 2.5'],
    [{ pods: -1 }, 'lab: pods: expected an integer from 0 to 50, got -1'],
    [{ mtu: 1279 }, 'lab: mtu: expected an integer from 1280 to 65535, got 1279'],
    [{ mtu: NaN }, 'lab: mtu: expected an integer from 1280 to 65535, got NaN'],
    [{ families: [] }, 'lab: families: expected at least one of ipv4 and ipv6, got []'],
    [{ families: ['ipx' as 'ipv4'] }, 'lab: families: expected at least one of ipv4 and ipv6, got "ipx"'],
    [{ underlay: 'ring' as 'flat' }, 'lab: underlay: expected flat or routed, got "ring"'],
    [{ name: '../x' }, 'lab: name: expected 1 to 16 lower-case letters, digits and dashes, got "../x"'],
    [{ name: '' }, 'lab: name: expected 1 to 16 lower-case letters, digits and dashes, got ""'],
  ])('%j is refused', (wrong, message) => {
    expect(() => plan({ hosts: 2, ...wrong })).toThrow(message);
  });
});

describe('scripts for ip -batch', () => {
  const topology = plan({ hosts: 2, families: ['ipv4', 'ipv6'], mtu: 9000 });

  test('the router makes the bridge, forwards, and wires each host up', () => {
    const script = routerScript(topology);
    expect(script.netns).toBe('ovl-abc123-router');
    expect(script.sysctls).toContainEqual(['ipv4/ip_forward', '1']);
    expect(script.sysctls).toContainEqual(['ipv6/conf/all/forwarding', '1']);
    expect(script.lines).toEqual([
      'link set lo up',
      'link add br0 mtu 9000 type bridge mcast_snooping 0',
      'link set br0 addrgenmode none',
      'addr add fe80::1/64 dev br0 nodad',
      'link set br0 up',
      'addr add 192.168.77.1/24 dev br0',
      'addr add fd77:77:77::1/64 dev br0 nodad',
      'link add h1 mtu 9000 type veth peer name eth0 mtu 9000 netns ovl-abc123-h1',
      'link set h1 master br0 up',
      'link add h2 mtu 9000 type veth peer name eth0 mtu 9000 netns ovl-abc123-h2',
      'link set h2 master br0 up',
    ]);
  });

  test('a host gets its addresses and a default route in each family', () => {
    expect(hostScript(topology, topology.hosts[1]).lines).toEqual([
      'link set lo up',
      'link set eth0 addrgenmode none',
      'addr add fe80::12/64 dev eth0 nodad',
      'link set eth0 up',
      'addr add 192.168.77.12/24 dev eth0',
      'addr add fd77:77:77::12/64 dev eth0 nodad',
      'route add default via 192.168.77.1',
      'route add default via fd77:77:77::1',
    ]);
  });
});
