/*
 * The wire format of protocol buffers, as much of it as the messages of stores need: varints, and things with a length.
 * Written out rather than generated: few messages, no code made at run time, no definitions to find on disk (which bundles
 * lose), and a list of 20,000 keys is read in a few ten milliseconds.
 */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

type Value = number | bigint | string | MessageWriter;

/**
 * Builds one message, in one piece at the end. What has proto3's default value is left out, as every encoder does.
 */
export class MessageWriter {
  readonly #tags: number[] = [];
  readonly #values: Value[] = [];
  /** Bytes of what has a length; 0 for numbers. */
  readonly #lengths: number[] = [];
  #size = 0;

  number(field: number, value: number | bigint | boolean): this {
    if (!value) return this;
    const number = value === true ? 1 : value;
    this.#add((field << 3) | VARINT, number, 0);
    this.#size += varintSize(number);
    return this;
  }

  text(field: number, value: string): this {
    return value === '' ? this : this.#bytes(field, value, Buffer.byteLength(value, 'utf8'));
  }

  /**
   * A message inside this one, also when it is empty: that it is there may be all it says. It must be complete: nothing may
   * be added to it later.
   */
  message(field: number, message: MessageWriter): this {
    return this.#bytes(field, message, message.#size);
  }

  finish(): Buffer {
    const buffer = Buffer.allocUnsafe(this.#size);
    this.#write(buffer, 0);
    return buffer;
  }

  #bytes(field: number, value: string | MessageWriter, length: number): this {
    this.#add((field << 3) | LENGTH, value, length);
    this.#size += varintSize(length) + length;
    return this;
  }

  #add(tag: number, value: Value, length: number): void {
    this.#tags.push(tag);
    this.#values.push(value);
    this.#lengths.push(length);
    this.#size += varintSize(tag);
  }

  /** Gives back where it ends. */
  #write(buffer: Buffer, from: number): number {
    let at = from;
    for (const [index, value] of this.#values.entries()) {
      at = writeVarint(buffer, at, this.#tags[index]);
      if (typeof value === 'number' || typeof value === 'bigint') {
        at = writeVarint(buffer, at, value);
        continue;
      }
      at = writeVarint(buffer, at, this.#lengths[index]);
      at = typeof value === 'string' ? at + buffer.write(value, at, 'utf8') : value.#write(buffer, at);
    }
    return at;
  }
}

function varintSize(value: number | bigint): number {
  if (value < 0) return 10;
  let size = 1;
  if (typeof value === 'number' && value <= Number.MAX_SAFE_INTEGER) {
    for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  } else {
    for (let rest = BigInt(value); rest > 0x7fn; rest >>= 7n) size++;
  }
  return size;
}

/** Gives back where it ends. A negative number is written as the 64 bits of its two's complement. */
function writeVarint(buffer: Buffer, from: number, value: number | bigint): number {
  let at = from;
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    let rest = Number(value);
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
    buffer[at++] = rest;
  } else {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) buffer[at++] = Number(rest & 0x7fn) | 0x80;
    buffer[at++] = Number(rest);
  }
  return at;
}

/**
 * Walks through the fields of one message. Fields that nobody asks for are passed over.
 *
 * @throws Error when the bytes are no message
 */
export class MessageReader {
  #wire = VARINT;
  #asked = true;

  constructor(
    private readonly buffer: Buffer,
    private at = 0,
    private readonly end = buffer.length,
  ) {}

  /** The number of the next field, 0 after the last one. */
  next(): number {
    if (!this.#asked) this.#skip();
    if (this.at >= this.end) return 0;
    const tag = this.#low();
    this.#wire = tag & 7;
    this.#asked = false;
    return tag >>> 3;
  }

  /** An integer that is exact up to 2^53: revisions, counts, seconds. */
  number(): number {
    this.#expect(VARINT);
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value < 2 ** 63 ? value : value - 2 ** 64;
    }
    throw malformed('a number has more than ten bytes');
  }

  boolean(): boolean {
    return this.number() !== 0;
  }

  /** A signed integer of 64 bits: the identity of an etcd lease, of a cluster. */
  bigint(): bigint {
    this.#expect(VARINT);
    // Three numbers of up to 28 bits rather than ten steps with a bigint each.
    let [low, middle, high] = [0, 0, 0];
    for (let at = 0; at < 10; at++) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (at < 4) low |= bits << (7 * at);
      else if (at < 8) middle |= bits << (7 * (at - 4));
      else high |= bits << (7 * (at - 8));
      if (byte >= 0x80) continue;
      return BigInt.asIntN(64, (BigInt(high) << 56n) | (BigInt(middle) << 28n) | BigInt(low));
    }
    throw malformed('a number has more than ten bytes');
  }

  text(): string {
    const { from, to } = this.#span();
    return this.buffer.toString('utf8', from, to);
  }

  /** A view of the field, not a copy. */
  bytes(): Buffer {
    const { from, to } = this.#span();
    return this.buffer.subarray(from, to);
  }

  message(): MessageReader {
    const { from, to } = this.#span();
    return new MessageReader(this.buffer, from, to);
  }

  #span(): { from: number; to: number } {
    this.#expect(LENGTH);
    const length = this.#low();
    const from = this.at;
    if (length > this.end - from) throw malformed('a field is longer than its message');
    this.at = from + length;
    return { from, to: this.at };
  }

  #skip(): void {
    switch (this.#wire) {
      case VARINT:
        this.number();
        break;
      case FIXED64:
        this.at += 8;
        break;
      case LENGTH:
        this.#span();
        break;
      case FIXED32:
        this.at += 4;
        break;
      default:
        throw malformed(`a field has the unknown type ${this.#wire}`);
    }
    if (this.at > this.end) throw malformed('it ends within a field');
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw malformed(`a field has type ${this.#wire} instead of ${wire}`);
    this.#asked = true;
  }

  /** A varint of at most 32 bits: tags and lengths. */
  #low(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw malformed('a length has more than five bytes');
  }

  #byte(): number {
    const byte = this.at < this.end ? this.buffer[this.at++] : undefined;
    if (byte === undefined) throw malformed('it ends within a number');
    return byte;
  }
}

function malformed(why: string): Error {
  return new Error(`a message of protocol buffers cannot be read: ${why}`);
}
