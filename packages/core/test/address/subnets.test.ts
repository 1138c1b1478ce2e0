import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addressFromBigInt,
  makePrefix,
  networkAddress,
  parseAddress,
  parsePrefix,
  subnetAt,
  subnetCount,
  subnetIndex,
  subnetsBetween,
} from '../../dist/address/index.js';
import { reference, span } from './reference.js';

const sample = fc.oneof(
  ...(['ipv4', 'ipv6'] as const).map((family) => {
    const bits = Number(reference[family].bits);
    const value = fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n });
    return fc.record({
      family: fc.constant(family),
      length: fc.integer({ min: 1, max: bits }),
      start: value,
      other: value,
    });
  }),
);

describe('subnets in a row, against a slow reference', () => {
  test('number to subnet and back', () => {
    fc.assert(
      fc.property(sample, ({ family, length, start, other }) => {
        const { bits, text } = reference[family];
        const size = 2n ** (bits - BigInt(length));
        const { first } = span(start, length, bits);
        const there = span(other, length, bits).first;
        const n = (there - first) / size;
        const from = addressFromBigInt(first, family);
        expect(subnetAt(from, length, n)).toBe(`${text(there)}/${length}`);
        expect(subnetIndex(from, length, addressFromBigInt(other, family))).toBe(n);
        expect(subnetIndex(from, length, makePrefix(addressFromBigInt(other, family), length))).toBe(n);
        expect(subnetCount(from, addressFromBigInt(other, family), length)).toBe(n < 0n ? 0n : n + 1n);
      }),
      { numRuns: 2000 },
    );
  });

  test('all between two bounds', () => {
    const [min, max] = [parseAddress('10.3.1.0'), parseAddress('10.3.4.0')];
    expect([...subnetsBetween(min, max, 24)]).toEqual(['10.3.1.0/24', '10.3.2.0/24', '10.3.3.0/24', '10.3.4.0/24']);
    expect([...subnetsBetween(max, min, 24)]).toEqual([]);
    expect([...subnetsBetween(parseAddress('255.255.255.252'), parseAddress('255.255.255.255'), 31)]).toEqual([
      '255.255.255.252/31',
      '255.255.255.254/31',
    ]);
    const huge = subnetsBetween(parseAddress('fd00::'), parseAddress('fd00:ffff::'), 126);
    expect(huge.next().value).toBe('fd00::/126');
    expect(huge.next().value).toBe('fd00::4/126');
  });

  test('what lies before the first subnet has a negative number', () => {
    const first = parseAddress('10.3.1.0');
    expect(subnetIndex(first, 24, parseAddress('10.3.0.255'))).toBe(-1n);
    expect(subnetIndex(first, 24, parsePrefix('10.2.255.0/24'))).toBe(-2n);
    expect(networkAddress(subnetAt(first, 24, -1))).toBe('10.3.0.0');
  });
});

test.each<[string, () => unknown]>([
  ['past the end of IPv4', () => subnetAt(parseAddress('255.255.255.0'), 24, 1)],
  ['before its beginning', () => subnetAt(parseAddress('0.0.0.0'), 24, -1n)],
  ['past the end of IPv6', () => subnetAt(parseAddress('ffff::'), 16, 1)],
  ['before its beginning', () => subnetAt(parseAddress('::'), 64, -1)],
  ['half a subnet', () => subnetAt(parseAddress('10.0.0.0'), 24, 0.5)],
  ['half an IPv6 subnet', () => subnetAt(parseAddress('fd00::'), 64, 0.5)],
  ['a start off the boundary', () => subnetAt(parseAddress('10.0.0.1'), 24, 1)],
  ['an IPv6 start off the boundary', () => subnetAt(parseAddress('fd00::1'), 64, 1)],
  ['counting from off the boundary', () => subnetIndex(parseAddress('10.0.0.1'), 24, parseAddress('10.0.0.2'))],
  ['a length that is none', () => subnetAt(parseAddress('10.0.0.0'), 33, 0)],
  ['two families', () => subnetIndex(parseAddress('10.0.0.0'), 24, parseAddress('fd00::'))],
])('refused: %s', (_, act) => {
  expect(act).toThrow(expect.objectContaining({ code: 'OVERLAY_OUT_OF_RANGE' }));
});
