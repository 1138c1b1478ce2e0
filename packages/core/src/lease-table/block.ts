import { readIPv4 } from '../address/ipv4.js';
import { readIPv6 } from '../address/ipv6.js';
import type { Address, Prefix } from '../address/index.js';
import { addressBits, addressFamily, prefixLength } from '../address/index.js';

/**
 * A prefix, or an address as a prefix of full length, in numbers: reading the text again for each comparison would be
 * most of the cost of judging a lease. Signed 32-bit words, the first one first; IPv4 uses the first word only.
 * Blocks of different families must not be compared.
 */
export interface Block {
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
  /** Bits that count: 0 to 32, or 0 to 128. */
  readonly length: number;
}

/** The block of a canonical prefix. */
export function prefixBlock(prefix: Prefix): Block {
  return readBlock(prefix, prefix.indexOf('/'), prefixLength(prefix));
}

/** The block of a canonical address: that one address. */
export function addressBlock(address: Address): Block {
  return readBlock(address, address.length, addressBits(addressFamily(address)));
}

/** Whether two blocks of one family have an address in common, which is when one contains the other. */
export function blocksOverlap(a: Block, b: Block): boolean {
  return firstDifference(a, b) >= Math.min(a.length, b.length);
}

/** Whether every address of `inner` is in `outer`. */
export function blockContains(outer: Block, inner: Block): boolean {
  return outer.length <= inner.length && firstDifference(outer, inner) >= outer.length;
}

/** Bit number `at` of the block, 0 being the first. */
export function bitAt(block: Block, at: number): 0 | 1 {
  const word = at < 32 ? block.word0 : at < 64 ? block.word1 : at < 96 ? block.word2 : block.word3;
  return ((word >>> (31 - (at & 31))) & 1) as 0 | 1;
}

/** The number of the first bit in which two blocks differ, whatever their lengths; 128 when there is none. */
function firstDifference(a: Block, b: Block): number {
  if (a.word0 !== b.word0) return Math.clz32(a.word0 ^ b.word0);
  if (a.word1 !== b.word1) return 32 + Math.clz32(a.word1 ^ b.word1);
  if (a.word2 !== b.word2) return 64 + Math.clz32(a.word2 ^ b.word2);
  return a.word3 === b.word3 ? 128 : 96 + Math.clz32(a.word3 ^ b.word3);
}

function readBlock(text: Address | Prefix, end: number, length: number): Block {
  if (addressFamily(text) === 'ipv4') {
    return { word0: readIPv4(text, 0, end) | 0, word1: 0, word2: 0, word3: 0, length };
  }
  const groups = readIPv6(text, 0, end) ?? [0, 0, 0, 0, 0, 0, 0, 0];
  return {
    word0: (groups[0] << 16) | groups[1],
    word1: (groups[2] << 16) | groups[3],
    word2: (groups[4] << 16) | groups[5],
    word3: (groups[6] << 16) | groups[7],
    length,
  };
}
