import { readIPv4 } from './ipv4.js';
import type { Groups } from './ipv6.js';
import { isMapped, readIPv6 } from './ipv6.js';
import type { Address } from './types.js';

/*
 * An IPv4-mapped IPv6 address is judged by the IPv4 address in it, as in Go's netip: a check against loopback must not
 * be passed by writing it differently.
 */

/** `0.0.0.0` or `::` (RFC 1122, RFC 4291). */
export function isUnspecified(address: Address): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** `127.0.0.0/8` or `::1` (RFC 1122, RFC 4291). */
export function isLoopback(address: Address): boolean {
  return address === '::1' || ipv4Part(address) >>> 24 === 127;
}

/** `224.0.0.0/4` or `ff00::/8` (RFC 5771, RFC 4291). */
export function isMulticast(address: Address): boolean {
  return ipv4Part(address) >>> 28 === 14 || firstGroup(address) >>> 8 === 0xff;
}

/** `169.254.0.0/16` or `fe80::/10` (RFC 3927, RFC 4291). */
export function isLinkLocal(address: Address): boolean {
  return ipv4Part(address) >>> 16 === 0xa9fe || firstGroup(address) >>> 6 === 0xfe80 >>> 6;
}

/** `fc00::/7` (RFC 4193). Never an IPv4 address. */
export function isUniqueLocal(address: Address): boolean {
  return firstGroup(address) >>> 9 === 0xfc00 >>> 9;
}

/** `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16` (RFC 1918) or {@link isUniqueLocal}. */
export function isPrivate(address: Address): boolean {
  const value = ipv4Part(address);
  return value >>> 24 === 10 || value >>> 20 === 0xac1 || value >>> 16 === 0xc0a8 || isUniqueLocal(address);
}

/** `::ffff:0:0/96`, an IPv4 address written as an IPv6 one (RFC 4291 section 2.5.5.2). */
export function isIPv4Mapped(address: Address): boolean {
  return address.startsWith('::ffff:') && isMapped(groupsOf(address));
}

/** The IPv4 address or the one in an IPv4-mapped address, as a number; 0 for any other, which no class here has. */
function ipv4Part(address: Address): number {
  if (!address.includes(':')) return readIPv4(address, 0, address.length);
  if (!isIPv4Mapped(address)) return 0;
  const groups = groupsOf(address);
  return groups[6] * 65536 + groups[7];
}

/** The first 16 bits of an IPv6 address; 0 for IPv4. */
function firstGroup(address: Address): number {
  const colon = address.indexOf(':');
  return colon > 0 ? Number.parseInt(address.slice(0, colon), 16) : 0;
}

function groupsOf(address: Address): Groups {
  return readIPv6(address, 0, address.length) as Groups;
}
