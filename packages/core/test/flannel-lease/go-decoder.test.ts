import { isIPv4, isIPv6 } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Lease, LeaseAttributes, Prefix } from '@overlay/core';
import {
  addressFromBigInt,
  formatLeaseKey,
  formatLeaseValue,
  isIPv4Mapped,
  makePrefix,
  networkAddress,
} from '@overlay/core';

/**
 * What flanneld makes of a lease: Go's `encoding/json` into its structures, and its pattern of keys. Written after the
 * rules of those, which are narrower than ours: anything that it cannot read costs every host that runs it all its routes.
 */
const GO_KEY = /(\d+\.\d+\.\d+\.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$/;

function goKey(key: string): void {
  const [, address4 = '', length4 = '', address6, length6] = GO_KEY.exec(key) ?? [];
  expect(isIPv4(address4)).toBe(true);
  // The numbers are parsed with 5 and 7 bits.
  expect(Number(length4)).toBeLessThanOrEqual(31);
  if (address6 === undefined) return;
  expect(isIPv6(address6)).toBe(true);
  expect(Number(length6)).toBeLessThanOrEqual(127);
}

function goValue(text: string): void {
  const json = JSON.parse(text) as Record<string, unknown>;
  const { PublicIP, PublicIPv6, BackendType } = json;
  expect(Object.keys(json).slice(0, 2)).toEqual(['PublicIP', 'PublicIPv6']);
  // A custom decoder that takes a dotted quad in quotes and nothing else, null least of all.
  expect(typeof PublicIP === 'string' && isIPv4(PublicIP)).toBe(true);
  expect(PublicIPv6 === null || (typeof PublicIPv6 === 'string' && isIPv6(PublicIPv6))).toBe(true);
  if (BackendType !== undefined) expect(typeof BackendType).toBe('string');
  // Members are matched in any case: none of ours may fall on one of flannel's.
  const names = Object.keys(json).map((name) => name.toLowerCase());
  expect(new Set(names).size).toBe(names.length);
  // Raw messages; a line feed or a blank outside of texts would not be what Go writes.
  expect(text).toBe(JSON.stringify(json).replace(/[<>&\u2028\u2029]/g, escaped));
}

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Numbers of addresses, among them those of IPv6 that carry one of IPv4, which some write with dots. */
const bits = (count: number): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt(1n, (1n << BigInt(count)) - 2n),
    fc.bigInt(0xffff_0000_0000n % (1n << BigInt(count)), 0xffff_ffff_ffffn % (1n << BigInt(count))),
  );
const prefix4 = fc
  .tuple(bits(32), fc.integer({ min: 1, max: 31 }))
  .map(([value, length]) => subnet('ipv4', value, length));
/** But for those that carry one of IPv4: a network of such subnets is refused with the configuration. */
const prefix6 = fc
  .tuple(bits(128), fc.integer({ min: 1, max: 127 }))
  .map(([value, length]) => subnet('ipv6', value, length))
  .filter((prefix) => !isIPv4Mapped(networkAddress(prefix)));

function subnet(family: 'ipv4' | 'ipv6', value: bigint, length: number): Prefix {
  return makePrefix(addressFromBigInt(value, family), length);
}

const data = fc.jsonValue({ maxDepth: 3 });
const attributes = fc.record(
  {
    backendType: fc.oneof(fc.constantFrom('vxlan', 'host-gw', ''), fc.string({ unit: 'binary' })),
    ipv4: fc.record(
      { publicIP: bits(32).map((value) => addressFromBigInt(value, 'ipv4')), data },
      { requiredKeys: ['publicIP'] },
    ),
    ipv6: fc.record(
      { publicIP: bits(128).map((value) => addressFromBigInt(value, 'ipv6')), data },
      { requiredKeys: ['publicIP'] },
    ),
  },
  { requiredKeys: ['backendType'] },
) as unknown as fc.Arbitrary<LeaseAttributes>;

describe('whatever is written, flanneld can read', () => {
  test('names of leases', () => {
    const subnets = fc.oneof(
      fc.record({ ipv4: prefix4 }),
      fc.record({ ipv6: prefix6 }),
      fc.record({ ipv4: prefix4, ipv6: prefix6 }),
    ) as fc.Arbitrary<Lease['subnets']>;
    fc.assert(fc.property(subnets, (each) => goKey(formatLeaseKey(each))));
  });

  test('values of leases', () => {
    fc.assert(fc.property(attributes, (each) => goValue(formatLeaseValue(each))));
  });
});
