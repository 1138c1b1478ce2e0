import { OverlayError } from '../errors.js';
import { quoted } from '../quoted.js';
import { addressFromBigInt, addressToBigInt, compareAddresses } from './address.js';
import { maskIPv4, readIPv4, writeIPv4 } from './ipv4.js';
import type { Groups } from './ipv6.js';
import { maskIPv6, readIPv6, writeIPv6 } from './ipv6.js';
import type { Address, Family, IPv4Address, IPv4Prefix, IPv6Address, IPv6Prefix, Prefix, PrefixOf } from './types.js';
import { addressBits, addressFamily } from './types.js';

const EXPECTED = {
  ipv4: 'an IPv4 prefix such as 10.244.0.0/16',
  ipv6: 'an IPv6 prefix such as fd00:42::/56',
  any: 'an IPv4 or IPv6 prefix such as 10.244.0.0/16 or fd00:42::/56',
} as const;

/**
 * The canonical prefix that `text` stands for, or undefined. Host bits are cleared, as flannel does. The address is read
 * as by `tryParseAddress`; the length has no sign and no leading zeros.
 */
export function tryParsePrefix<F extends Family>(text: string, family: F): PrefixOf<F> | undefined;
export function tryParsePrefix(text: string, family?: Family): Prefix | undefined;
export function tryParsePrefix(text: string, family?: Family): Prefix | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const found: Family = text.includes(':') ? 'ipv6' : 'ipv4';
  if (family !== undefined && family !== found) return undefined;
  const length = readLength(text, slash + 1, addressBits(found));
  if (length < 0) return undefined;
  if (found === 'ipv4') {
    const value = readIPv4(text, 0, slash);
    return value < 0 ? undefined : (`${writeIPv4(maskIPv4(value, length))}/${length}` as IPv4Prefix);
  }
  const groups = readIPv6(text, 0, slash);
  return groups && (`${writeIPv6(maskIPv6(groups, length))}/${length}` as IPv6Prefix);
}

/**
 * The canonical prefix that `text` stands for, host bits cleared; see {@link tryParsePrefix}.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function parsePrefix<F extends Family>(text: string, family: F): PrefixOf<F>;
export function parsePrefix(text: string, family?: Family): Prefix;
export function parsePrefix(text: string, family?: Family): Prefix {
  const prefix = tryParsePrefix(text, family);
  if (prefix !== undefined) return prefix;
  throw invalid(text, EXPECTED[family ?? 'any']);
}

/**
 * As {@link parsePrefix}, but host bits that are set are an error: for text that a program wrote, where they mean that
 * something is wrong.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function parsePrefixStrict<F extends Family>(text: string, family: F): PrefixOf<F>;
export function parsePrefixStrict(text: string, family?: Family): Prefix;
export function parsePrefixStrict(text: string, family?: Family): Prefix {
  const prefix = parsePrefix(text, family);
  if (hasHostBits(text, prefix)) throw invalid(text, `no host bits, as in ${prefix}`);
  return prefix;
}

/** Whether `text`, from which `prefix` was read, had host bits that were cleared. */
export function hasHostBits(text: string, prefix: Prefix): boolean {
  const end = text.indexOf('/');
  if (addressFamily(prefix) === 'ipv4') return readIPv4(text, 0, end) !== networkNumber(prefix);
  const given = readIPv6(text, 0, end) as Groups;
  const network = networkGroups(prefix);
  return given.some((group, at) => group !== network[at]);
}

/** The number of bits of the prefix: 0 to 32, or 0 to 128. */
export function prefixLength(prefix: Prefix): number {
  return lengthAfter(prefix, prefix.indexOf('/'));
}

/** The first address of the prefix. */
export function networkAddress(prefix: IPv4Prefix): IPv4Address;
export function networkAddress(prefix: IPv6Prefix): IPv6Address;
export function networkAddress(prefix: Prefix): Address;
export function networkAddress(prefix: Prefix): Address {
  return prefix.slice(0, prefix.indexOf('/')) as Address;
}

/** The last address of the prefix; in IPv4 that is usually the broadcast address. */
export function lastAddress(prefix: Prefix): Address {
  const length = prefixLength(prefix);
  if (addressFamily(prefix) === 'ipv4') {
    return writeIPv4((networkNumber(prefix) | (length === 32 ? 0 : 0xffffffff >>> length)) >>> 0);
  }
  const groups = networkGroups(prefix);
  for (let at = 0; at < 8; at++) {
    const bits = length - at * 16;
    if (bits < 16) groups[at] = groups[at] | (bits <= 0 ? 0xffff : 0xffff >>> bits);
  }
  return writeIPv6(groups);
}

/**
 * The prefix of `length` bits around an address.
 *
 * @throws OverlayError `OVERLAY_OUT_OF_RANGE` for a length that the family does not have.
 */
export function makePrefix(address: IPv4Address, length: number): IPv4Prefix;
export function makePrefix(address: IPv6Address, length: number): IPv6Prefix;
export function makePrefix(address: Address, length: number): Prefix;
export function makePrefix(address: Address, length: number): Prefix {
  const family = addressFamily(address);
  checkLength(length, family);
  if (family === 'ipv4') {
    return `${writeIPv4(maskIPv4(readIPv4(address, 0, address.length), length))}/${length}` as IPv4Prefix;
  }
  const groups = readIPv6(address, 0, address.length) as Groups;
  return `${writeIPv6(maskIPv6(groups, length))}/${length}` as IPv6Prefix;
}

/**
 * The address `offset` places after the first one of the prefix.
 *
 * @throws OverlayError `OVERLAY_OUT_OF_RANGE` when that is not inside the prefix.
 */
export function addressAt(prefix: IPv4Prefix, offset: number | bigint): IPv4Address;
export function addressAt(prefix: IPv6Prefix, offset: number | bigint): IPv6Address;
export function addressAt(prefix: Prefix, offset: number | bigint): Address;
export function addressAt(prefix: Prefix, offset: number | bigint): Address {
  const family = addressFamily(prefix);
  const room = addressBits(family) - prefixLength(prefix);
  const inside =
    typeof offset === 'bigint'
      ? offset >= 0n && offset >> BigInt(room) === 0n
      : Number.isSafeInteger(offset) && offset >= 0 && offset < 2 ** room;
  if (!inside) {
    throw new OverlayError('OVERLAY_OUT_OF_RANGE', `taking an address: ${prefix} has no address number ${offset}`);
  }
  if (family === 'ipv4') return writeIPv4(networkNumber(prefix) + Number(offset));
  return addressFromBigInt(addressToBigInt(networkAddress(prefix)) + BigInt(offset), 'ipv6');
}

/** Whether an address, or every address of another prefix, lies inside the prefix. False for the other family. */
export function prefixContains(prefix: Prefix, other: Address | Prefix): boolean {
  const family = addressFamily(prefix);
  if (family !== addressFamily(other)) return false;
  const slash = other.indexOf('/');
  const length = prefixLength(prefix);
  if (slash >= 0 && lengthAfter(other, slash) < length) return false;
  return sameBits(prefix, other, slash < 0 ? other.length : slash, length, family);
}

/** Whether two prefixes have an address in common. False for prefixes of different families. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  const family = addressFamily(a);
  if (family !== addressFamily(b)) return false;
  const slash = b.indexOf('/');
  return sameBits(a, b, slash, Math.min(prefixLength(a), lengthAfter(b, slash)), family);
}

/** The order of prefixes: by network address, then the shorter (wider) first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(networkAddress(a), networkAddress(b)) || prefixLength(a) - prefixLength(b);
}

/** @throws OverlayError `OVERLAY_OUT_OF_RANGE` unless it is a prefix length of the family. */
export function checkLength(length: number, family: Family): void {
  const bits = addressBits(family);
  if (Number.isInteger(length) && length >= 0 && length <= bits) return;
  throw new OverlayError('OVERLAY_OUT_OF_RANGE', `making a prefix: expected a length from 0 to ${bits}, got ${length}`);
}

function sameBits(prefix: Prefix, other: string, otherEnd: number, length: number, family: Family): boolean {
  if (length === 0) return true;
  if (family === 'ipv4') {
    return (networkNumber(prefix) ^ readIPv4(other, 0, otherEnd)) >>> (32 - length) === 0;
  }
  const network = networkGroups(prefix);
  const groups = readIPv6(other, 0, otherEnd) as Groups;
  const whole = length >>> 4;
  for (let at = 0; at < whole; at++) if (network[at] !== groups[at]) return false;
  const rest = length & 15;
  return rest === 0 || (network[whole] ^ groups[whole]) >>> (16 - rest) === 0;
}

function networkNumber(prefix: Prefix): number {
  return readIPv4(prefix, 0, prefix.indexOf('/'));
}

function networkGroups(prefix: Prefix): Groups {
  return readIPv6(prefix, 0, prefix.indexOf('/')) as Groups;
}

function lengthAfter(text: string, slash: number): number {
  let length = 0;
  for (let at = slash + 1; at < text.length; at++) length = length * 10 + text.charCodeAt(at) - 0x30;
  return length;
}

function readLength(text: string, start: number, most: number): number {
  const digits = text.length - start;
  if (digits < 1 || digits > 3 || (digits > 1 && text.charCodeAt(start) === 0x30)) return -1;
  for (let at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char < 0x30 || char > 0x39) return -1;
  }
  const length = lengthAfter(text, start - 1);
  return length <= most ? length : -1;
}

function invalid(text: string, expected: string): OverlayError {
  return new OverlayError('OVERLAY_ADDRESS_INVALID', `reading a prefix: expected ${expected}, got ${quoted(text)}`);
}
