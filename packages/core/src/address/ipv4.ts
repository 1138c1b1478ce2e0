import type { IPv4Address } from './types.js';

const DOT = 0x2e;
const ZERO = 0x30;

/**
 * Reads `text[start..end)` as a dotted quad. Leading zeros are refused, because some programs take them for octal
 * (RFC 6943 section 3.1.1). Returns the address as an unsigned 32-bit number, or -1.
 */
export function readIPv4(text: string, start: number, end: number): number {
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = start; at < end; at++) {
    const char = text.charCodeAt(at);
    if (char === DOT) {
      if (digits === 0 || dots === 3) return -1;
      value = value * 256 + octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    const digit = char - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return -1;
    octet = octet * 10 + digit;
    if (octet > 255) return -1;
    digits++;
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : -1;
}

/** The address with this unsigned 32-bit number. */
export function writeIPv4(value: number): IPv4Address {
  return `${value >>> 24}.${(value >>> 16) & 0xff}.${(value >>> 8) & 0xff}.${value & 0xff}` as IPv4Address;
}

/** The first `length` bits of an unsigned 32-bit number, the others zero. */
export function maskIPv4(value: number, length: number): number {
  return length === 0 ? 0 : (value & (0xffffffff << (32 - length))) >>> 0;
}
