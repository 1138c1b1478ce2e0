import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Family } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { packetsOf } from './support/frames.js';
import { ODD, sendOdd } from './support/odd-datagram.js';
import type { OddDatagram } from './support/odd-datagram.js';
import { checksum } from './support/packets.js';
import { UdpHosts } from './support/udp-hosts.js';

/** Nobody listens there: what comes is seen on the wire. */
const PORT = 7100;
const PATIENCE_MS = 30_000;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const NEXT = { hopByHop: 0, fragment: 44, destinationOptions: 60 } as const;
/** More than two packets. */
const LONG = 3000;

const SENT: Readonly<Record<string, { readonly family: Family; readonly odd?: string; readonly bytes?: number }>> = {
  routerAlert: { family: 'ipv4', odd: ODD.routerAlert },
  noOperations: { family: 'ipv4', odd: ODD.noOperations },
  endOfList: { family: 'ipv4', odd: ODD.endOfList },
  unknownOption: { family: 'ipv4', odd: ODD.unknownOption },
  recordRoute: { family: 'ipv4', odd: ODD.recordRoute },
  alertAndRoute: { family: 'ipv4', odd: ODD.alertAndRoute },
  looseSourceRoute: { family: 'ipv4', odd: ODD.looseSourceRoute },
  noChecksumIPv4: { family: 'ipv4', odd: ODD.noChecksumIPv4 },
  noChecksumIPv6: { family: 'ipv6', odd: ODD.noChecksumIPv6 },
  hopByHop: { family: 'ipv6', odd: ODD.hopByHop },
  destinationOptions: { family: 'ipv6', odd: ODD.destinationOptions },
  fragments: { family: 'ipv6', bytes: LONG },
  optionsAndFragments: { family: 'ipv6', odd: ODD.hopByHop, bytes: LONG },
};
/** What hosts do not forward (net.ipv4.conf.*.accept_source_route). */
const REFUSED = 'looseSourceRoute';

describe.each(['kernel', 'user'] as const)('the %s path carries', (dataPath) => {
  let pair: UdpHosts;
  let seen: readonly Buffer[] = [];
  const find = (name: string): Buffer | undefined => seen.find((packet) => packet.includes(`<${name}>`));
  const packet = (name: string): Buffer => find(name) ?? Buffer.alloc(0);

  beforeAll(async () => {
    pair = await UdpHosts.create({ families: ['ipv4', 'ipv6'], dataPath });
    const [near, far] = pair.ends;
    await using capture = await pair.lab.capture(far.pod, 'eth0', 'ip or ip6');
    const datagrams = Object.entries(SENT).map(([name, { family, odd, bytes = 64 }]): OddDatagram => {
      const to = far.pod.addresses[family];
      if (to === undefined) throw new Error(`no ${family}`);
      return { to, port: PORT, payload: Buffer.from(`<${name}>`.padEnd(bytes, '.')), ...(odd && { odd }) };
    });
    const missing = (): readonly string[] => Object.keys(SENT).filter((name) => name !== REFUSED && !find(name));
    await until(
      'all but one have arrived',
      async () => {
        await sendOdd(near.pod, datagrams);
        seen = await packetsOf(capture);
        return missing().length === 0;
      },
      PATIENCE_MS,
    ).catch(() => expect(missing()).toEqual([]));
  }, 90_000);
  afterAll(() => pair[Symbol.asyncDispose](), 30_000);

  test.each([
    ['a router alert (RFC 2113)', 'routerAlert', '94040000'],
    ['nothing but padding', 'noOperations', '01010101'],
    ['padding and an end of the list', 'endOfList', '0101000000000000'],
    ['one of an experiment (RFC 4727)', 'unknownOption', '5e04abcd'],
    // The sender, and one of the hosts by the address of its tunnel device.
    ['a record of the route', 'recordRoute', '070b0c0af401020af4010000'],
    ['a router alert and a record of the route', 'alertAndRoute', '94040000070b0c0af401020af4010000'],
  ])('IPv4 packets with options: %s', (_, name, options) => {
    const got = packet(name);
    const header = IPV4_HEADER + options.length / 2;
    expect(got[0]).toBe(0x40 + header / 4);
    expect(got.subarray(IPV4_HEADER, header).toString('hex')).toBe(options);
    expect(checksum(got.subarray(0, header))).toBe(0);
    expect(got.readUInt16BE(2)).toBe(got.length);
  });

  test('none that choose their route, which hosts do not forward', () => {
    expect(find(REFUSED)).toBeUndefined();
  });

  test.each(['hopByHop', 'destinationOptions'] as const)('IPv6 packets with an extension header: %s', (name) => {
    const got = packet(name);
    expect(got[6]).toBe(NEXT[name]);
    expect(got.readUInt16BE(4)).toBe(got.length - IPV6_HEADER);
    // The header is 8 bytes, and a datagram comes after it.
    expect([...got.subarray(IPV6_HEADER, IPV6_HEADER + 2)]).toEqual([17, 0]);
  });

  test('IPv6 fragments, also behind an extension header', () => {
    expect(packet('fragments')[6]).toBe(NEXT.fragment);
    const got = packet('optionsAndFragments');
    expect([got[6], got[IPV6_HEADER]]).toEqual([NEXT.hopByHop, NEXT.fragment]);
    const later = seen.filter(
      (each) => each[6] === NEXT.fragment && (each.readUInt16BE(IPV6_HEADER + 2) & 0xfff8) !== 0,
    );
    expect(later.length).toBeGreaterThanOrEqual(2);
  });

  test('datagrams without a checksum as they are', () => {
    expect(packet('noChecksumIPv4').readUInt16BE(IPV4_HEADER + 6)).toBe(0);
    expect(packet('noChecksumIPv6').readUInt16BE(IPV6_HEADER + 6)).toBe(0);
  });

  test('and drops none of them', () => {
    for (const { counters } of pair.ends) expect(counters.drops).toEqual({});
  });
});
