import { readIPv4, writeIPv4 } from './ipv4.js';
import type { IPv6Address } from './types.js';

/** An IPv6 address as eight 16-bit numbers, the first one first. */
export type Groups = [number, number, number, number, number, number, number, number];

const COLON = 0x3a;
const DOT = 0x2e;

/**
 * Reads `text[start..end)` as an IPv6 address (RFC 4291 section 2.2), a dotted quad at its end included. As in Go's
 * netip, `::` stands for at least one group. A zone is refused. Returns undefined for anything else.
 */
export function readIPv6(text: string, start: number, end: number): Groups | undefined {
  const groups: Groups = [0, 0, 0, 0, 0, 0, 0, 0];
  let count = 0;
  let gap = -1;
  let at = start;
  if (text.charCodeAt(at) === COLON) {
    if (end - start < 2 || text.charCodeAt(at + 1) !== COLON) return undefined;
    gap = 0;
    at += 2;
  }
  while (at < end) {
    if (count === 8) return undefined;
    const groupStart = at;
    let value = 0;
    for (; at < end; at++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = value * 16 + digit;
      if (at - groupStart === 4) return undefined;
    }
    if (at === groupStart) return undefined;
    if (at < end && text.charCodeAt(at) === DOT) {
      const quad = readIPv4(text, groupStart, end);
      if (quad < 0 || count > 6) return undefined;
      groups[count++] = quad >>> 16;
      groups[count++] = quad & 0xffff;
      at = end;
      break;
    }
    groups[count++] = value;
    if (at === end) break;
    if (text.charCodeAt(at++) !== COLON || at === end) return undefined;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = count;
      at++;
    }
  }
  if (gap < 0) return count === 8 ? groups : undefined;
  if (count === 8) return undefined;
  for (let from = count - 1, to = 7; from >= gap; from--, to--) {
    groups[to] = groups[from];
    groups[from] = 0;
  }
  return groups;
}

/**
 * The canonical text by RFC 5952: lower case, no leading zeros, the longest run of at least two zero groups (the first
 * of equal ones) as `::`, and a dotted quad at the end of IPv4-mapped addresses, as Go's netip and the kernel's tools
 * print them.
 */
export function writeIPv6(groups: Groups): IPv6Address {
  if (isMapped(groups)) return `::ffff:${writeIPv4(groups[6] * 65536 + groups[7])}` as IPv6Address;
  let gap = -1;
  let gapLength = 1;
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0) end++;
    if (end - at > gapLength) {
      gap = at;
      gapLength = end - at;
    }
    if (end > at) at = end;
  }
  let text = '';
  for (let at = 0; at < 8; at++) {
    if (at === gap) {
      text += '::';
      at += gapLength - 1;
      continue;
    }
    if (at > 0 && at !== gap + gapLength) text += ':';
    text += groups[at].toString(16);
  }
  return text as IPv6Address;
}

/** Whether it is an IPv4 address in IPv6 clothing: `::ffff:0:0/96`, RFC 4291 section 2.5.5.2. */
export function isMapped(groups: Groups): boolean {
  return (
    groups[5] === 0xffff && groups[0] === 0 && groups[1] === 0 && groups[2] === 0 && groups[3] === 0 && groups[4] === 0
  );
}

/** Clears all but the first `length` bits, in place. */
export function maskIPv6(groups: Groups, length: number): Groups {
  for (let at = 0; at < 8; at++) {
    const bits = length - at * 16;
    if (bits < 16) groups[at] = bits <= 0 ? 0 : groups[at] & (0xffff << (16 - bits)) & 0xffff;
  }
  return groups;
}

/** The address as an unsigned 128-bit number. */
export function groupsToBigInt(g: Groups): bigint {
  const high = (BigInt(g[0] * 65536 + g[1]) << 32n) | BigInt(g[2] * 65536 + g[3]);
  const low = (BigInt(g[4] * 65536 + g[5]) << 32n) | BigInt(g[6] * 65536 + g[7]);
  return (high << 64n) | low;
}

/** The address with this unsigned 128-bit number. */
export function groupsFromBigInt(value: bigint): Groups {
  const groups: Groups = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let at = 7, rest = value; at >= 0; at--, rest >>= 16n) groups[at] = Number(rest & 0xffffn);
  return groups;
}

function hexDigit(char: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  const lower = char | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
