import { describe, expect, test } from '@jest/globals';
import { parsePrefix } from '@overlay/core';
import type { PodNetwork } from '../../dist/plan/pods.js';
import { planPods, podHostScript, podScript } from '../../dist/plan/pods.js';
import { labShape } from '../../dist/plan/options.js';
import { planTopology } from '../../dist/plan/topology.js';

const host = planTopology(labShape({ hosts: 1, name: 'x' }, () => '')).hosts[0];

const dual: PodNetwork = {
  subnets: { ipv4: parsePrefix('10.244.3.0/24'), ipv6: parsePrefix('fd00:10:244:3::/64') },
  networks: { ipv4: [parsePrefix('10.244.0.0/16')], ipv6: [parsePrefix('fd00:10:244::/48')] },
  mtu: 1430,
};

describe('planPods', () => {
  test('pods follow the gateway and the pods that are there', () => {
    expect(planPods(host, dual, 1, 2)).toEqual([
      {
        name: 'h1p2',
        number: 2,
        netns: 'ovl-x-h1p2',
        hostDevice: 'vethp2',
        addresses: { ipv4: '10.244.3.3', ipv6: 'fd00:10:244:3::3' },
      },
      {
        name: 'h1p3',
        number: 3,
        netns: 'ovl-x-h1p3',
        hostDevice: 'vethp3',
        addresses: { ipv4: '10.244.3.4', ipv6: 'fd00:10:244:3::4' },
      },
    ]);
  });

  test('a subnet is used up to its last address and not beyond', () => {
    const small: PodNetwork = { subnets: { ipv4: parsePrefix('10.1.0.0/29') }, networks: {}, mtu: 1500 };
    expect(planPods(host, small, 0, 5).at(-1)?.addresses).toEqual({ ipv4: '10.1.0.6' });
    expect(() => planPods(host, small, 4, 2)).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_LAB_OPTION',
        key: 'pods',
        message: 'lab: 6 pods on h1: its subnet 10.1.0.0/29 ends at 10.1.0.7 and has room for 5',
      }),
    );
  });
});

describe('scripts of pods', () => {
  const pods = planPods(host, dual, 0, 1);

  test('the first pods bring the bridge and forwarding, later ones only ports', () => {
    const first = podHostScript(host, dual, pods, true);
    expect(first.sysctls).toEqual([
      ['ipv4/ip_forward', '1'],
      ['ipv6/conf/all/forwarding', '1'],
    ]);
    const ports = [
      'link add vethp1 mtu 1430 type veth peer name eth0 mtu 1430 netns ovl-x-h1p1',
      'link set vethp1 master cni0 up',
    ];
    expect(first.lines).toEqual([
      'link add cni0 address 0a:58:00:00:00:01 mtu 1430 type bridge mcast_snooping 0',
      'link set cni0 addrgenmode none',
      'addr add fe80::1/64 dev cni0 nodad',
      'link set cni0 up',
      'addr add 10.244.3.1/24 dev cni0',
      'addr add fd00:10:244:3::1/64 dev cni0 nodad',
      ...ports,
    ]);
    expect(podHostScript(host, dual, pods, false)).toEqual({ netns: 'ovl-x-h1', sysctls: [], lines: ports });
  });

  test('a pod reaches the overlay and everything else through the bridge', () => {
    const [pod] = pods;
    expect(pod && podScript(dual, pod).lines).toEqual([
      'link set lo up',
      'link set eth0 addrgenmode none',
      'addr add fe80::2/64 dev eth0 nodad',
      'link set eth0 up',
      'addr add 10.244.3.2/24 dev eth0',
      'route add default via 10.244.3.1',
      'route add 10.244.0.0/16 via 10.244.3.1',
      'addr add fd00:10:244:3::2/64 dev eth0 nodad',
      'route add default via fd00:10:244:3::1',
      'route add fd00:10:244::/48 via fd00:10:244:3::1',
    ]);
  });

  test('a network that is the subnet itself needs no route', () => {
    const alone: PodNetwork = {
      subnets: { ipv4: parsePrefix('10.1.0.0/24') },
      networks: { ipv4: [parsePrefix('10.1.0.0/24')] },
      mtu: 1500,
    };
    const [pod] = planPods(host, alone, 0, 1);
    expect(pod && podScript(alone, pod).lines.filter((line) => line.startsWith('route'))).toEqual([
      'route add default via 10.1.0.1',
    ]);
  });
});
