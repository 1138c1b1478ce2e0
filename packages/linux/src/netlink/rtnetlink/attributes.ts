import type { Address, Mac, Prefix } from '@overlay/core';
import { addressBytes, formatAddress } from '@overlay/core';
import { HEADER_BYTES, readU16 } from '../message.js';
import { MessageFlag } from '../protocol.js';
import type { MessageRoom } from './message-room.js';
import { ipv4Number, networkPart, octetOf } from './match.js';

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
  readonly #room: MessageRoom | undefined;
  #buffer: Uint8Array;
  /** Where the message begins in the buffer, and where it ends so far. */
  #start = 0;
  #end: number;

  /**
   * @param fixed Bytes of the fixed part behind the header (struct ifinfomsg, rtmsg, ...); zero until set.
   * @param capacity Bytes expected in all. More is possible, and costs a copy.
   * @param room Where the message is to lie, behind those written there before.
   */
  constructor(type: number, flags: number, fixed: number, capacity: number, room?: MessageRoom) {
    this.#room = room;
    if (room?.has(capacity)) {
      this.#buffer = room.bytes;
      this.#start = room.used;
    } else {
      this.#buffer = new Uint8Array(capacity);
    }
    this.#end = this.#start + HEADER_BYTES + fixed;
    this.setU16(4, type);
    this.setU16(6, flags | MessageFlag.request);
  }

  /** Sets a byte of the fixed part; `at` counts from the message's start. */
  setU8(at: number, value: number): void {
    this.#buffer[this.#start + at] = value;
  }

  setU16(at: number, value: number): void {
    this.#putU16(this.#start + at, value);
  }

  setU32(at: number, value: number): void {
    this.#putU32(this.#start + at, value);
  }

  #putU16(at: number, value: number): void {
    this.#buffer[at] = value;
    this.#buffer[at + 1] = value >>> 8;
  }

  #putU32(at: number, value: number): void {
    const buffer = this.#buffer;
    buffer[at] = value;
    buffer[at + 1] = value >>> 8;
    buffer[at + 2] = value >>> 16;
    buffer[at + 3] = value >>> 24;
  }

  /** Opens an attribute of `length` bytes and gives back where in the buffer its value begins. */
  #attribute(type: number, length: number): number {
    const at = this.#end;
    const end = at + ((ATTRIBUTE_HEADER + length + 3) & ~3);
    if (end > this.#buffer.length) return this.#elsewhere(type, length);
    this.#putU32(at, ((ATTRIBUTE_HEADER + length) | (type << 16)) >>> 0);
    this.#end = end;
    return at + ATTRIBUTE_HEADER;
  }

  /** Takes the message to a larger buffer of its own, and leaves the room as it was. */
  #elsewhere(type: number, length: number): number {
    const written = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array((written.length + ATTRIBUTE_HEADER + length) * 2);
    this.#buffer.set(written);
    written.fill(0);
    this.#start = 0;
    this.#end = written.length;
    return this.#attribute(type, length);
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
    this.#putU16(at, value);
  }

  u16Network(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#putU32(at, value);
  }

  u32Network(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    const buffer = this.#buffer;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
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

  /** An address, or the first one of a prefix. */
  address(type: number, value: Address | Prefix): void {
    const number = ipv4Number(value);
    if (number === undefined) this.bytes(type, addressBytes(networkPart(value)));
    else this.u32Network(type, number);
  }

  mac(type: number, value: Mac): void {
    const at = this.#attribute(type, 6);
    for (let octet = 0; octet < 6; octet++) {
      this.#buffer[at + octet] = octetOf(value, octet);
    }
  }

  /** An attribute whose value is attributes: what `write` writes. `fixed` bytes of zero come before them. */
  nest(type: number, write: () => void, fixed = 0): void {
    const start = this.length;
    this.#attribute(type | NESTED, fixed);
    write();
    this.setU16(start, this.length - start);
  }

  /** Bytes as they are, padded to four: for structs that stand in a row inside an attribute. */
  raw(size: number): number {
    const at = this.#attribute(0, size - ATTRIBUTE_HEADER);
    this.#buffer.fill(0, at - ATTRIBUTE_HEADER, at);
    return at - ATTRIBUTE_HEADER - this.#start;
  }

  /** Where the next attribute will begin, from the message's start. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The finished message. */
  finish(): Uint8Array {
    this.setU32(0, this.length);
    if (this.#buffer === this.#room?.bytes) this.#room.used = this.#end;
    return this.#buffer.subarray(this.#start, this.#end);
  }
}
