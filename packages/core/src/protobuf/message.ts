/*
 * The wire format of protocol buffers, as much of it as the messages of stores need: varints, and things with a length.
 * Written out rather than generated: few messages, no code made at run time, no definitions to find on disk (which bundles
 * lose), and a list of 20,000 keys is read in a few ten milliseconds.
 */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Builds one message. What has proto3's default value is left out, as every encoder does. */
export class MessageWriter {
  readonly #parts: Buffer[] = [];

  number(field: number, value: number | bigint | boolean): this {
    if (value) this.#parts.push(varint((field << 3) | VARINT), varint(value === true ? 1 : value));
    return this;
  }

  text(field: number, value: string): this {
    return value === '' ? this : this.#bytes(field, Buffer.from(value, 'utf8'));
  }

  /** A message inside this one, also when it is empty: that it is there may be all it says. */
  message(field: number, message: MessageWriter): this {
    return this.#bytes(field, message.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #bytes(field: number, bytes: Buffer): this {
    this.#parts.push(varint((field << 3) | LENGTH), varint(bytes.length), bytes);
    return this;
  }
}

/** Nearly all tags, and most numbers and lengths, are one byte. */
const ONE_BYTE = Array.from({ length: 0x80 }, (_, value) => Buffer.of(value));

function varint(value: number | bigint): Buffer {
  if (value >= 0 && value < 0x80) return ONE_BYTE[Number(value)];
  const bytes: number[] = [];
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    let rest = Number(value);
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
  } else {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
  }
  return Buffer.from(bytes);
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
