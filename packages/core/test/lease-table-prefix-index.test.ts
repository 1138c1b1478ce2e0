import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Family, Prefix } from '../dist/index.js';
import { addressFromBigInt, makePrefix, prefixesOverlap } from '../dist/index.js';
import type { Block } from '../dist/lease-table/block.js';
import { addressBlock, bitAt, blockContains, blocksOverlap, prefixBlock } from '../dist/lease-table/block.js';
import { PrefixIndex } from '../dist/lease-table/prefix-index.js';

/** Prefixes that often contain each other: few different bits, any length. */
function prefix(family: Family): fc.Arbitrary<Prefix> {
  const bits = family === 'ipv4' ? 32 : 128;
  const sparse = fc
    .array(fc.nat(bits - 1), { maxLength: 3 })
    .map((ones) => ones.reduce((sum, at) => sum | (1n << BigInt(at)), 0n));
  const near = fc.nat(15).map((low) => BigInt(low) << BigInt(bits - 4));
  const any = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
  return fc
    .tuple(fc.oneof(sparse, near, any), fc.oneof(fc.nat(bits), fc.nat(6), fc.constant(bits)))
    .map(([value, length]) => makePrefix(addressFromBigInt(value, family), length));
}

describe.each(['ipv4', 'ipv6'] as const)('blocks, %s', (family) => {
  test('overlap and contain as the prefixes do', () => {
    fc.assert(
      fc.property(prefix(family), prefix(family), (a, b) => {
        const [left, right] = [prefixBlock(a), prefixBlock(b)];
        expect(blocksOverlap(left, right)).toBe(prefixesOverlap(a, b));
        expect(blockContains(left, right)).toBe(prefixesOverlap(a, b) && left.length <= right.length);
      }),
    );
  });
});

test('the bits of a block', () => {
  const bits = (block: Block, length: number): string => Array.from({ length }, (_, at) => bitAt(block, at)).join('');
  expect(bits(addressBlock('192.0.2.129' as never), 32)).toBe('11000000000000000000001010000001');
  const sixteen = bits(addressBlock('8001::c000:1' as never), 128);
  expect(sixteen).toBe('1000000000000001' + '0'.repeat(80) + '1100000000000000' + '0000000000000001');
});

describe.each(['ipv4', 'ipv6'] as const)('the index, %s', (family) => {
  test('against a list', () => {
    const action = fc.tuple(fc.constantFrom('set', 'set', 'delete', 'delete some', 'find'), prefix(family), fc.nat());
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const index = new PrefixIndex<string>(family);
        const list: Prefix[] = [];
        for (const [what, given, pick] of actions) {
          const chosen = what === 'delete some' && list.length > 0 ? list[pick % list.length] : given;
          const block = prefixBlock(chosen);
          const overlapping = list.filter((other) => prefixesOverlap(other, chosen));
          const found = index.overlapping(block);
          if (overlapping.length === 0) expect(found).toBeUndefined();
          else expect(overlapping).toContain(found);
          if (what === 'set' && overlapping.length === 0) {
            index.set(block, chosen);
            list.push(chosen);
          } else if (what === 'set' && overlapping[0] !== chosen) {
            expect(() => index.set(block, chosen)).toThrow(
              expect.objectContaining({ code: 'OVERLAY_PREFIX_OVERLAPS' }),
            );
          } else if (what.startsWith('delete')) {
            expect(index.delete(block)).toBe(list.includes(chosen));
            if (list.includes(chosen)) list.splice(list.indexOf(chosen), 1);
          }
          expect(index.size).toBe(list.length);
          for (const one of list) expect(index.overlapping(prefixBlock(one))).toBe(one);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('a value is replaced', () => {
  const index = new PrefixIndex<number>('ipv4');
  const block = prefixBlock('10.0.0.0/8' as Prefix);
  index.set(block, 1);
  index.set(block, 2);
  expect(index.size).toBe(1);
  expect(index.overlapping(addressBlock('10.1.2.3' as never))).toBe(2);
});
