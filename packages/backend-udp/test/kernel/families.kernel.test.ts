// Pods of one family over an underlay of the other: the kernel has to be told what a packet is when it is wrapped and
// when it comes to light.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import { compareEchoes, serveEcho } from '../support/echo-service.js';
import { packetsOf } from '../support/frames.js';
import { UdpHosts } from '../support/udp-hosts.js';

/** Until beyond what the headers of the other family need. */
const SHORT = { from: 1, to: 100 } as const;
const LONG = { from: 101, to: 4501, step: 400 } as const;
const STREAMS = { from: 1 << 20, to: (1 << 20) + 3, step: 1 } as const;
const SINGLE = 'tx off tso off gso off tx-udp-segmentation off';
const INNERMOST = { ipv4: '192.168.9', ipv6: 'fd99::' } as const;
const IPV6_HEADER = 40;
const UDP_HEADER = 8;

const CASES = [
  { inner: 'ipv4', outer: 'ipv6' },
  { inner: 'ipv6', outer: 'ipv4' },
] as const;

describe.each(CASES)('pods with $inner over an underlay with $outer', ({ inner, outer }) => {
  let pair: UdpHosts;
  let to: Address;
  beforeAll(async () => {
    pair = await UdpHosts.create({ families: [inner], underlayFamilies: [outer] });
    to = pair.ends[1].pod.addresses[inner] as Address;
    await serveEcho(pair.lab, pair.ends[1].pod, to);
  }, 60_000);
  afterAll(() => pair[Symbol.asyncDispose](), 30_000);

  const nothingDropped = (): void => {
    for (const { counters } of pair.ends) {
      expect({ ...counters.drops, 'unknown-destination': 0 }).toEqual({ 'unknown-destination': 0 });
    }
  };
  const compare = async (address: Address): Promise<void> => {
    const [near] = pair.ends;
    expect(await compareEchoes(near.pod, 'udp', address, SHORT)).toBe(100);
    expect(await compareEchoes(near.pod, 'udp', address, LONG)).toBe(12);
    expect(await compareEchoes(near.pod, 'tcp', address, SHORT)).toBe(100);
    expect(await compareEchoes(near.pod, 'tcp', address, STREAMS)).toBe(4);
  };

  test('reach each other with payloads of every length', async () => {
    await compare(to);
    nothingDropped();
  }, 90_000);

  test('and through a tunnel of their own', async () => {
    const [near, far] = pair.ends;
    const network = INNERMOST[inner];
    for (const [end, other, number] of [[near, far, 1] as const, [far, near, 2] as const]) {
      const ends = `local ${end.pod.addresses[inner] ?? ''} remote ${other.pod.addresses[inner] ?? ''}`;
      await end.pod.exec(`ip link add vx0 type vxlan id 5 dstport 4789 ${ends}`.split(' '));
      // Before its address is certain a pod would answer with another one, which is not let in.
      const address = inner === 'ipv4' ? `${network}.${number}/24 dev vx0` : `${network}${number}/64 dev vx0 nodad`;
      await end.pod.exec(`ip addr add ${address}`.split(' '));
      await end.pod.exec('ip link set vx0 mtu 1362 up'.split(' '));
    }
    const innermost = (inner === 'ipv4' ? `${network}.2` : `${network}2`) as Address;
    await serveEcho(pair.lab, far.pod, innermost);
    await compare(innermost);
    nothingDropped();
  }, 90_000);

  test('on a wire of single datagrams too, whose outer headers are right', async () => {
    for (const end of pair.ends) await end.exec(`ethtool -K eth0 ${SINGLE}`);
    const [near] = pair.ends;
    await using capture = await pair.lab.capture(near.host, 'eth0', 'udp dst port 8285');
    await compare(to);
    nothingDropped();
    if (outer === 'ipv4') return;
    await capture.stop();
    const sent = await packetsOf(capture);
    expect(sent.length).toBeGreaterThan(100);
    for (const packet of sent) {
      const datagram = packet.subarray(IPV6_HEADER);
      expect([packet[0] >> 4, packet.readUInt16BE(4), packet[6], packet[7]]).toEqual([6, datagram.length, 17, 64]);
      // Its checksum is none (RFC 6935).
      expect([2, 4, 6].map((at) => datagram.readUInt16BE(at))).toEqual([8285, datagram.length, 0]);
      const packetInside = datagram.subarray(UDP_HEADER);
      expect([packetInside[0], packetInside.readUInt16BE(2)]).toEqual([0x45, packetInside.length]);
    }
  }, 90_000);
});
