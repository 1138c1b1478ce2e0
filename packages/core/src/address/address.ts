import { OverlayError } from '../errors.js';
import { quoted } from '../quoted.js';
import { readIPv4, writeIPv4 } from './ipv4.js';
import type { Groups } from './ipv6.js';
import { groupsFromBigInt, groupsToBigInt, readIPv6, writeIPv6 } from './ipv6.js';
import type { Address, AddressOf, Family, IPv4Address } from './types.js';
import { addressBits, addressFamily } from './types.js';

const EXPECTED = {
  ipv4: 'an IPv4 address such as 192.0.2.1',
  ipv6: 'an IPv6 address such as fd00::1, without a zone',
  any: 'an IPv4 or IPv6 address such as 192.0.2.1 or fd00::1, without a zone',
} as const;

/**
 * The canonical address that `text` stands for, or undefined. As strict as Go's netip: no leading zeros in a dotted
 * quad, no zone, nothing around it. IPv6 comes out by RFC 5952; IPv4-mapped IPv6 stays IPv6.
 */
export function tryParseAddress<F extends Family>(text: string, family: F): AddressOf<F> | undefined;
export function tryParseAddress(text: string, family?: Family): Address | undefined;
export function tryParseAddress(text: string, family?: Family): Address | undefined {
  if (text.includes(':')) {
    if (family === 'ipv4') return undefined;
    const groups = readIPv6(text, 0, text.length);
    return groups && writeIPv6(groups);
  }
  // Strictness leaves one spelling of each IPv4 address, so what can be read is canonical.
  return family !== 'ipv6' && readIPv4(text, 0, text.length) >= 0 ? (text as IPv4Address) : undefined;
}

/**
 * The canonical address that `text` stands for; see {@link tryParseAddress}.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function parseAddress<F extends Family>(text: string, family: F): AddressOf<F>;
export function parseAddress(text: string, family?: Family): Address;
export function parseAddress(text: string, family?: Family): Address {
  const address = tryParseAddress(text, family);
  if (address !== undefined) return address;
  throw new OverlayError(
    'OVERLAY_ADDRESS_INVALID',
    `reading an address: expected ${EXPECTED[family ?? 'any']}, got ${quoted(text)}`,
  );
}

/**
 * The address in `bytes`, in network order from `offset`. `length` is 4 or 16; by default all that follows.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID` for another length, or when there are fewer bytes.
 */
export function formatAddress(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Address {
  if ((length !== 4 && length !== 16) || offset + length > bytes.length) {
    throw new OverlayError(
      'OVERLAY_ADDRESS_INVALID',
      `reading an address: expected 4 or 16 bytes, got ${Math.min(length, bytes.length - offset)}`,
    );
  }
  if (length === 4) {
    return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}` as IPv4Address;
  }
  const groups: Groups = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let at = 0; at < 8; at++) {
    groups[at] = (bytes[offset + 2 * at] << 8) | bytes[offset + 2 * at + 1];
  }
  return writeIPv6(groups);
}

/** The address as 4 or 16 bytes in network order, in an array of its own. */
export function addressBytes(address: Address): Uint8Array {
  if (addressFamily(address) === 'ipv4') {
    const value = ipv4ToNumber(address as IPv4Address);
    return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
  }
  const groups = addressGroups(address);
  const bytes = new Uint8Array(16);
  for (let at = 0; at < 8; at++) {
    bytes[2 * at] = groups[at] >>> 8;
    bytes[2 * at + 1] = groups[at];
  }
  return bytes;
}

/** The address as an unsigned 32-bit number. */
export function ipv4ToNumber(address: IPv4Address): number {
  return readIPv4(address, 0, address.length);
}

/**
 * The address with this number.
 *
 * @throws OverlayError `OVERLAY_OUT_OF_RANGE` unless it is an integer from 0 to 2^32 - 1.
 */
export function ipv4FromNumber(value: number): IPv4Address {
  if (value >>> 0 !== value) throw outOfRange('an IPv4 address', value);
  return writeIPv4(value);
}

/** The address as an unsigned number of 32 or 128 bits. */
export function addressToBigInt(address: Address): bigint {
  return addressFamily(address) === 'ipv4'
    ? BigInt(ipv4ToNumber(address as IPv4Address))
    : groupsToBigInt(addressGroups(address));
}

/**
 * The address of a family with this number.
 *
 * @throws OverlayError `OVERLAY_OUT_OF_RANGE` unless it is from 0 to 2^32 - 1, or 2^128 - 1.
 */
export function addressFromBigInt<F extends Family>(value: bigint, family: F): AddressOf<F>;
export function addressFromBigInt(value: bigint, family: Family): Address {
  if (value < 0n || value >> BigInt(addressBits(family)) !== 0n) {
    throw outOfRange(family === 'ipv4' ? 'an IPv4 address' : 'an IPv6 address', value);
  }
  return family === 'ipv4' ? writeIPv4(Number(value)) : writeIPv6(groupsFromBigInt(value));
}

/** The order of addresses: IPv4 before IPv6, then by number. Negative, zero or positive, as `sort` wants it. */
export function compareAddresses(a: Address, b: Address): number {
  if (a === b) return 0;
  const family = addressFamily(a);
  if (family !== addressFamily(b)) return family === 'ipv4' ? -1 : 1;
  if (family === 'ipv4') return ipv4ToNumber(a as IPv4Address) - ipv4ToNumber(b as IPv4Address);
  const left = addressGroups(a);
  const right = addressGroups(b);
  for (let at = 0; at < 8; at++) {
    const difference = left[at] - right[at];
    if (difference !== 0) return difference;
  }
  return 0;
}

function addressGroups(address: Address): Groups {
  return readIPv6(address, 0, address.length) as Groups;
}

function outOfRange(what: string, value: number | bigint): OverlayError {
  return new OverlayError('OVERLAY_OUT_OF_RANGE', `making ${what}: the number ${value} is outside its range`);
}
