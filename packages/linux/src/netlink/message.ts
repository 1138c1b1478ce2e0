/** Bytes of a message's header (struct nlmsghdr). */
export const HEADER_BYTES = 16;

/**
 * One netlink message, seen where it lies in a larger buffer. It is valid only during the call that it is given to: the
 * object and the bytes are used again afterwards. Decoders copy what they return.
 */
export interface NetlinkMessage {
  /** One of `MessageType`. */
  readonly type: number;
  /** Header flags. */
  readonly flags: number;
  readonly buffer: Uint8Array;
  /** Where the payload begins in `buffer`, behind the header. */
  readonly start: number;
  /** Where the payload ends in `buffer`. */
  readonly end: number;
}

/** A 16-bit number in host order; the two supported architectures are little-endian. */
export function readU16(buffer: Uint8Array, at: number): number {
  return buffer[at] | (buffer[at + 1] << 8);
}

/** A 32-bit number in host order. */
export function readU32(buffer: Uint8Array, at: number): number {
  return (buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)) >>> 0;
}

class MessageCursor implements NetlinkMessage {
  type = 0;
  flags = 0;
  start = 0;
  end = 0;
  constructor(public buffer: Uint8Array) {}
}

/** Calls `each` for every message in `bytes`. What follows a broken header is not looked at. */
export function eachMessage(bytes: Uint8Array, each: (message: NetlinkMessage) => void): void {
  const cursor = new MessageCursor(bytes);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = readU32(bytes, at);
    if (length < HEADER_BYTES || at + length > bytes.length) return;
    cursor.type = readU16(bytes, at + 4);
    cursor.flags = readU16(bytes, at + 6);
    cursor.start = at + HEADER_BYTES;
    cursor.end = at + length;
    each(cursor);
    at += (length + 3) & ~3;
  }
}

/** The first message in `bytes`, which must be a whole one. It stays valid as long as the bytes. */
export function firstMessage(bytes: Uint8Array): NetlinkMessage {
  const cursor = new MessageCursor(bytes);
  cursor.type = readU16(bytes, 4);
  cursor.flags = readU16(bytes, 6);
  cursor.start = HEADER_BYTES;
  cursor.end = Math.min(readU32(bytes, 0), bytes.length);
  return cursor;
}
