import { expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import { compareEchoes, serveEcho } from '../support/echo-service.js';
import { UdpHosts } from '../support/udp-hosts.js';

const STREAMS = { from: 4 << 20, to: (4 << 20) + 3, step: 1 } as const;
const SINGLE = 'tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off';
const INNERMOST = '192.168.9.2' as Address;

test('a tunnel that pods have among themselves carries long streams byte for byte on any wire', async () => {
  await using pair = await UdpHosts.create();
  const [near, far] = pair.ends;
  for (const [end, other, number] of [[near, far, 1] as const, [far, near, 2] as const]) {
    const to = `local ${end.pod.addresses.ipv4 ?? ''} remote ${other.pod.addresses.ipv4 ?? ''}`;
    await end.pod.exec(`ip link add vx0 type vxlan id 5 dstport 4789 ${to}`.split(' '));
    await end.pod.exec(`ip addr add 192.168.9.${number}/24 dev vx0`.split(' '));
    await end.pod.exec('ip link set vx0 mtu 1422 up'.split(' '));
  }
  await serveEcho(pair.lab, far.pod, INNERMOST);
  expect(await compareEchoes(near.pod, 'tcp', INNERMOST, STREAMS)).toBe(4);
  for (const end of pair.ends) await end.exec(`ethtool -K eth0 ${SINGLE} gro on`);
  expect(await compareEchoes(near.pod, 'tcp', INNERMOST, STREAMS)).toBe(4);
  for (const { counters } of pair.ends) {
    expect({ ...counters.drops, 'unknown-destination': 0 }).toEqual({ 'unknown-destination': 0 });
  }
}, 90_000);
