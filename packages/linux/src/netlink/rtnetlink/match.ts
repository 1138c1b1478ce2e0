import type { Address, Mac, Prefix } from '@overlay/core';
import { addressBytes, formatAddress, networkAddress } from '@overlay/core';

/*
 * Whether an address in text is the one that lies in a message, and a number that both have in common, without making
 * either into the other: a dump has 150,000 objects, and nearly all are as wanted. Text is canonical, so it is not checked.
 */

const DOT = 0x2e;
const COLON = 0x3a;
const SLASH = 0x2f;
const DIGIT_ZERO = 0x30;
const IPV4_BYTES = 4;

/** What each hexadecimal digit stands for, by its code. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 0 : value;
});

/** A number of 32 bits for an address, or a prefix by its first address; the same as {@link addressHashAt} gives. */
export function addressHash(text: Address | Prefix): number {
  const number = ipv4Number(text);
  if (number !== undefined) return scramble(number);
  const bytes = addressBytes(networkPart(text));
  return addressHashAt(bytes, 0, bytes.length);
}

/** As {@link addressHash}, of the address of `length` bytes at `at`. */
export function addressHashAt(buffer: Uint8Array, at: number, length: number): number {
  let hash = 0;
  for (let word = 0; word < length; word += 4) hash = scramble(hash ^ numberAt(buffer, at + word));
  return hash;
}

/** Whether the address of `length` bytes at `at` is this one. */
export function isAddressAt(buffer: Uint8Array, at: number, length: number, text: Address): boolean {
  if (length === IPV4_BYTES) return ipv4Number(text) === numberAt(buffer, at);
  return formatAddress(buffer, at, length) === text;
}

/** Whether the prefix made of the address of `length` bytes at `at` and of `bits` is this one. */
export function isPrefixAt(buffer: Uint8Array, at: number, length: number, bits: number, text: Prefix): boolean {
  if (prefixBits(text) !== bits) return false;
  if (length === IPV4_BYTES) return ipv4Number(text) === numberAt(buffer, at);
  return formatAddress(buffer, at, length) === networkPart(text);
}

/** A number of 32 bits for a MAC; the same as {@link macHashAt} gives. */
export function macHash(text: Mac): number {
  const low = (octetOf(text, 2) << 24) | (octetOf(text, 3) << 16) | (octetOf(text, 4) << 8) | octetOf(text, 5);
  return scramble(scramble((octetOf(text, 0) << 8) | octetOf(text, 1)) ^ low);
}

/** As {@link macHash}, of the MAC at `at`. */
export function macHashAt(buffer: Uint8Array, at: number): number {
  return scramble(scramble((buffer[at] << 8) | buffer[at + 1]) ^ numberAt(buffer, at + 2));
}

/** Whether the MAC at `at` is this one. */
export function isMacAt(buffer: Uint8Array, at: number, text: Mac): boolean {
  // Without a call for each octet: of what a restart compares, half is MACs.
  for (let which = 0; which < 6; which++) {
    const octet = (DIGITS[text.charCodeAt(which * 3)] << 4) | DIGITS[text.charCodeAt(which * 3 + 1)];
    if (octet !== buffer[at + which]) return false;
  }
  return true;
}

/** Whether the MAC at `at` is all zeros, as the kernel has it for "none". */
export function isNoMacAt(buffer: Uint8Array, at: number): boolean {
  for (let which = 0; which < 6; which++) if (buffer[at + which] !== 0) return false;
  return true;
}

/** One of the six octets of a MAC. */
export function octetOf(mac: Mac, which: number): number {
  return (DIGITS[mac.charCodeAt(which * 3)] << 4) | DIGITS[mac.charCodeAt(which * 3 + 1)];
}

/** An IPv4 address, or that of a prefix, as a signed number of 32 bits; undefined for IPv6. */
export function ipv4Number(text: string): number | undefined {
  let number = 0;
  let octet = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      number = (number << 8) | octet;
      octet = 0;
    } else if (code === SLASH) {
      break;
    } else if (code === COLON || code > 0x39) {
      return undefined;
    } else {
      octet = octet * 10 + (code - DIGIT_ZERO);
    }
  }
  return (number << 8) | octet;
}

/** Four bytes in network order, as a signed number. */
function numberAt(buffer: Uint8Array, at: number): number {
  return (buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3];
}

/** The length of a prefix. */
export function prefixBits(prefix: Prefix): number {
  let bits = 0;
  for (let at = prefix.lastIndexOf('/') + 1; at < prefix.length; at++)
    bits = bits * 10 + prefix.charCodeAt(at) - DIGIT_ZERO;
  return bits;
}

/** The address, or the first one of the prefix. */
export function networkPart(text: Address | Prefix): Address {
  return text.includes('/') ? networkAddress(text as Prefix) : (text as Address);
}

/** Spreads what is in a few low bits over all 32 (the finalizer of MurmurHash3). */
function scramble(number: number): number {
  let hash = number ^ (number >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
