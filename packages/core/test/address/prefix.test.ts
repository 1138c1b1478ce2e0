import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Prefix } from '../../dist/address/index.js';
import {
  addressAt,
  addressFromBigInt,
  comparePrefixes,
  lastAddress,
  makePrefix,
  networkAddress,
  parseAddress,
  parsePrefix,
  parsePrefixStrict,
  prefixContains,
  prefixesOverlap,
  prefixLength,
  tryParsePrefix,
} from '../../dist/address/index.js';
import { reference, span } from './reference.js';

interface Sample {
  readonly family: 'ipv4' | 'ipv6';
  readonly value: bigint;
  readonly length: number;
}

function samples(family: 'ipv4' | 'ipv6'): fc.Arbitrary<Sample> {
  const bits = Number(reference[family].bits);
  return fc.record({
    family: fc.constant(family),
    value: fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }),
    length: fc.integer({ min: 0, max: bits }),
  });
}

const any = fc.oneof(samples('ipv4'), samples('ipv6'));

/** Pairs that are often near each other, so that containment is not always false. */
const pair = fc.tuple(any, any, fc.boolean(), fc.nat({ max: 128 })).map(([a, b, near, flip]) => {
  if (!near || a.family !== b.family) return [a, b] as const;
  const bits = reference[a.family].bits;
  return [a, { ...b, value: a.value ^ (1n << (BigInt(flip) % bits)) }] as const;
});

function prefixOf({ family, value, length }: Sample): Prefix {
  return makePrefix(addressFromBigInt(value, family), length);
}

describe('prefixes against slow references', () => {
  test('making, reading and taking apart', () => {
    fc.assert(
      fc.property(any, (sample) => {
        const { bits, text } = reference[sample.family];
        const { first, last } = span(sample.value, sample.length, bits);
        const prefix = prefixOf(sample);
        expect(prefix).toBe(`${text(first)}/${sample.length}`);
        expect(parsePrefix(`${text(sample.value)}/${sample.length}`)).toBe(prefix);
        expect(parsePrefixStrict(prefix)).toBe(prefix);
        expect(prefixLength(prefix)).toBe(sample.length);
        expect(networkAddress(prefix)).toBe(text(first));
        expect(lastAddress(prefix)).toBe(text(last));
        expect(addressAt(prefix, sample.value - first)).toBe(text(sample.value));
        if (sample.value !== first) expect(() => parsePrefixStrict(`${text(sample.value)}/${sample.length}`)).toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  test('containing and overlapping', () => {
    let contained = 0;
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const same = a.family === b.family;
        const left = span(a.value, a.length, reference[a.family].bits);
        const right = span(b.value, b.length, reference[b.family].bits);
        const inside = same && left.first <= right.first && right.last <= left.last;
        if (inside) contained++;
        expect(prefixContains(prefixOf(a), prefixOf(b))).toBe(inside);
        expect(prefixContains(prefixOf(a), addressFromBigInt(b.value, b.family))).toBe(
          same && left.first <= b.value && b.value <= left.last,
        );
        const overlap = same && left.first <= right.last && right.first <= left.last;
        expect(prefixesOverlap(prefixOf(a), prefixOf(b))).toBe(overlap);
        expect(prefixesOverlap(prefixOf(b), prefixOf(a))).toBe(overlap);
      }),
      { numRuns: 4000 },
    );
    expect(contained).toBeGreaterThan(100);
  });

  test('order: network address, then the wider one', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        if (a.family !== b.family) return;
        const { bits } = reference[a.family];
        const left = span(a.value, a.length, bits).first;
        const right = span(b.value, b.length, bits).first;
        const expected = left === right ? Math.sign(a.length - b.length) : left < right ? -1 : 1;
        expect(Math.sign(comparePrefixes(prefixOf(a), prefixOf(b)))).toBe(expected);
      }),
    );
  });
});

describe('limits', () => {
  test('the whole space and single addresses', () => {
    expect(parsePrefix('10.1.2.3/0')).toBe('0.0.0.0/0');
    expect(parsePrefix('fd00::1/0')).toBe('::/0');
    expect(lastAddress(parsePrefix('0.0.0.0/0'))).toBe('255.255.255.255');
    expect(lastAddress(parsePrefix('::/0'))).toBe('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
    expect(lastAddress(parsePrefix('10.1.2.3/32'))).toBe('10.1.2.3');
    expect(addressAt(parsePrefix('10.1.2.3/32'), 0)).toBe('10.1.2.3');
    expect(addressAt(parsePrefix('0.0.0.0/0'), 0xffffffff)).toBe('255.255.255.255');
    expect(prefixContains(parsePrefix('::/0'), parseAddress('10.0.0.1'))).toBe(false);
  });

  test.each<[string, number | bigint]>([
    ['10.3.0.0/24', 256],
    ['10.3.0.0/24', -1],
    ['10.3.0.0/24', 0.5],
    ['10.3.0.0/24', Number.NaN],
    ['10.3.0.0/32', 1],
    ['10.3.0.0/24', 256n],
    ['fd00::/64', 2n ** 64n],
    ['fd00::/64', -1n],
    ['fd00::/64', 2 ** 60],
  ])('%s has no address number %p', (prefix, offset) => {
    expect(() => addressAt(parsePrefix(prefix), offset)).toThrow(
      expect.objectContaining({ code: 'OVERLAY_OUT_OF_RANGE' }),
    );
  });

  test.each([33, -1, 1.5, Number.NaN])('no IPv4 prefix has the length %p', (length) => {
    expect(() => makePrefix(parseAddress('10.0.0.0'), length)).toThrow(
      expect.objectContaining({ code: 'OVERLAY_OUT_OF_RANGE' }),
    );
  });
});

describe('what is no prefix', () => {
  test.each([
    '',
    '/',
    '10.3.0.0',
    '10.3.0.0/',
    '/16',
    '10.3.0.0/33',
    '10.3.0.0/016',
    '10.3.0.0/00',
    '10.3.0.0/+16',
    '10.3.0.0/-1',
    '10.3.0.0/16 ',
    ' 10.3.0.0/16',
    '10.3.0.0 /16',
    '10.3.0.0/16/16',
    '10.3.0.0/1e1',
    '10.3.0.0/255.255.0.0',
    '10.3/16',
    '10.03.0.0/16',
    'fd00::/129',
    'fd00::/1280',
    'fd00::/064',
    'fd00:/64',
    'fe80::1%eth0/64',
    'fd00::',
  ])('%j', (text) => {
    expect(tryParsePrefix(text)).toBeUndefined();
    expect(() => parsePrefix(text)).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_ADDRESS_INVALID',
        message: `reading a prefix: expected an IPv4 or IPv6 prefix such as 10.244.0.0/16 or fd00:42::/56, got ${JSON.stringify(text)}`,
      }),
    );
  });

  test('one of the other family, or with host bits where none may be', () => {
    expect(tryParsePrefix('fd00::/64', 'ipv4')).toBeUndefined();
    expect(tryParsePrefix('10.3.0.0/16', 'ipv6')).toBeUndefined();
    expect(() => parsePrefixStrict('10.3.5.7/16')).toThrow(
      'reading a prefix: expected no host bits, as in 10.3.0.0/16, got "10.3.5.7/16"',
    );
    expect(() => parsePrefixStrict('fd00::1/64')).toThrow('expected no host bits, as in fd00::/64');
    expect(parsePrefixStrict('FD00:0::/64')).toBe('fd00::/64');
  });
});
