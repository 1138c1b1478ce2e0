import type { Address, IPv4Address, Mac } from '@overlay/core';
import { addressBytes, formatAddress, ipv4ToNumber } from '@overlay/core';
import { HEADER_BYTES, readU16 } from '../message.js';
import { MessageFlag } from '../protocol.js';
import { octetOf } from './match.js';

/** Bytes of an attribute's header (struct rtattr): length and type, two bytes each. */
const ATTRIBUTE_HEADER = 4;
/** The bits of an attribute's type that are the type (NLA_TYPE_MASK, linux/netlink.h). */
const TYPE_MASK = 0x3fff;
const NESTED = 0x8000;

/** Walks attributes where they lie: `while (reader.next()) switch (reader.type) ...`. Stops at a broken one. */
export class AttributeReader {
  type = 0;
  /** Where the value begins. */
  start = 0;
  /** Bytes of the value. */
  length = 0;
  #at: number;

  constructor(
    readonly buffer: Uint8Array,
    start: number,
    readonly end: number,
  ) {
    this.#at = start;
  }

  next(): boolean {
    const at = this.#at;
    if (at + ATTRIBUTE_HEADER > this.end) return false;
    const size = readU16(this.buffer, at);
    if (size < ATTRIBUTE_HEADER || at + size > this.end) return false;
    this.type = readU16(this.buffer, at + 2) & TYPE_MASK;
    this.start = at + ATTRIBUTE_HEADER;
    this.length = size - ATTRIBUTE_HEADER;
    this.#at = at + ((size + 3) & ~3);
    return true;
  }

  /** The attributes inside this one's value. */
  nested(): AttributeReader {
    return new AttributeReader(this.buffer, this.start, this.start + this.length);
  }

  u8(): number {
    return this.length >= 1 ? this.buffer[this.start] : 0;
  }

  /** In network order, as ports are. */
  u16Network(): number {
    return this.length >= 2 ? (this.buffer[this.start] << 8) | this.buffer[this.start + 1] : 0;
  }

  u16(): number {
    return this.length >= 2 ? readU16(this.buffer, this.start) : 0;
  }

  u32(): number {
    return this.length >= 4 ? (this.u16() | (readU16(this.buffer, this.start + 2) << 16)) >>> 0 : 0;
  }

  u32Network(): number {
    return this.length >= 4 ? (this.u16Network() * 65536 + readNetworkU16(this.buffer, this.start + 2)) >>> 0 : 0;
  }

  /** Text up to its NUL. */
  text(): string {
    let end = this.start + this.length;
    while (end > this.start && this.buffer[end - 1] === 0) end--;
    return Buffer.from(this.buffer.buffer, this.buffer.byteOffset + this.start, end - this.start).toString('utf8');
  }

  /** An address of 4 or 16 bytes; undefined for another length (tunnel devices have such). */
  address(): Address | undefined {
    return this.length === 4 || this.length === 16 ? formatAddress(this.buffer, this.start, this.length) : undefined;
  }

  /** A MAC address; undefined for link-layer addresses of another length. */
  mac(): Mac | undefined {
    return this.length === 6 ? readMac(this.buffer, this.start) : undefined;
  }
}

function readNetworkU16(buffer: Uint8Array, at: number): number {
  return (buffer[at] << 8) | buffer[at + 1];
}

const COLON = 0x3a;
/** The codes of the 16 digits. */
const HEX = Buffer.from('0123456789abcdef');

/** In one piece: joined from its octets it would be eleven strings, and a dump has 100,000 of them. */
function readMac(b: Uint8Array, at: number): Mac {
  return String.fromCharCode(
    HEX[b[at] >> 4],
    HEX[b[at] & 15],
    COLON,
    HEX[b[at + 1] >> 4],
    HEX[b[at + 1] & 15],
    COLON,
    HEX[b[at + 2] >> 4],
    HEX[b[at + 2] & 15],
    COLON,
    HEX[b[at + 3] >> 4],
    HEX[b[at + 3] & 15],
    COLON,
    HEX[b[at + 4] >> 4],
    HEX[b[at + 4] & 15],
    COLON,
    HEX[b[at + 5] >> 4],
    HEX[b[at + 5] & 15],
  ) as Mac;
}

/** Writes one message: header, fixed part, attributes. */
export class MessageWriter {
  #buffer: Uint8Array;
  #length: number;

  /**
   * @param fixed Bytes of the fixed part behind the header (struct ifinfomsg, rtmsg, ...); zero until set.
   * @param capacity Bytes expected in all. More is possible, and costs a copy.
   */
  constructor(type: number, flags: number, fixed: number, capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity).fill(0);
    this.#length = HEADER_BYTES + fixed;
    this.setU16(4, type);
    this.setU16(6, flags | MessageFlag.request);
  }

  /** Sets a byte of the fixed part; `at` counts from the message's start. */
  setU8(at: number, value: number): void {
    this.#buffer[at] = value;
  }

  setU16(at: number, value: number): void {
    this.#buffer[at] = value;
    this.#buffer[at + 1] = value >>> 8;
  }

  setU32(at: number, value: number): void {
    this.setU16(at, value);
    this.setU16(at + 2, value >>> 16);
  }

  /** Opens an attribute of `length` bytes and gives back where its value begins. */
  #attribute(type: number, length: number): number {
    const at = this.#length;
    const end = at + ((ATTRIBUTE_HEADER + length + 3) & ~3);
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(end * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.setU16(at, ATTRIBUTE_HEADER + length);
    this.setU16(at + 2, type);
    this.#length = end;
    return at + ATTRIBUTE_HEADER;
  }

  /** An attribute without a value: its presence says it. */
  flag(type: number): void {
    this.#attribute(type, 0);
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1);
    this.#buffer[at] = value;
  }

  u16(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.setU16(at, value);
  }

  u16Network(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.setU32(at, value);
  }

  u32Network(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    for (let octet = 0; octet < 4; octet++) this.#buffer[at + octet] = value >>> (24 - 8 * octet);
  }

  bytes(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length);
    this.#buffer.set(value, at);
  }

  /** Text with its NUL. */
  text(type: number, value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    const at = this.#attribute(type, bytes.length + 1);
    this.#buffer.set(bytes, at);
  }

  /** Text without a NUL; the kernel takes an empty one as "none" where it clears a text (IFLA_IFALIAS). */
  bareText(type: number, value: string): void {
    this.bytes(type, Buffer.from(value, 'utf8'));
  }

  address(type: number, value: Address): void {
    if (value.includes(':')) {
      this.bytes(type, addressBytes(value));
      return;
    }
    const number = ipv4ToNumber(value as IPv4Address);
    const at = this.#attribute(type, 4);
    this.#buffer[at] = number >>> 24;
    this.#buffer[at + 1] = number >>> 16;
    this.#buffer[at + 2] = number >>> 8;
    this.#buffer[at + 3] = number;
  }

  mac(type: number, value: Mac): void {
    const at = this.#attribute(type, 6);
    for (let octet = 0; octet < 6; octet++) {
      this.#buffer[at + octet] = octetOf(value, octet);
    }
  }

  /** An attribute whose value is attributes: what `write` writes. `fixed` bytes of zero come before them. */
  nest(type: number, write: () => void, fixed = 0): void {
    const start = this.#length;
    this.#attribute(type | NESTED, fixed);
    write();
    this.setU16(start, this.#length - start);
  }

  /** Bytes as they are, padded to four: for structs that stand in a row inside an attribute. */
  raw(size: number): number {
    const at = this.#attribute(0, size - ATTRIBUTE_HEADER);
    this.#buffer.fill(0, at - ATTRIBUTE_HEADER, at);
    return at - ATTRIBUTE_HEADER;
  }

  /** Where the next attribute will begin. */
  get length(): number {
    return this.#length;
  }

  /** The finished message. */
  finish(): Uint8Array {
    this.setU32(0, this.#length);
    return this.#buffer.subarray(0, this.#length);
  }
}
