/**
 * Room for messages that are sent together: they are written one behind the other, so that nobody has to copy them into
 * one buffer before the kernel gets them. One that finds no room any more is written elsewhere. One is begun when the one
 * before it is finished.
 */
export class MessageRoom {
  /** All of it; zero where nothing has been written. */
  readonly bytes: Uint8Array;
  /** Where the next message begins; every message's length is a multiple of four. */
  used = 0;

  /** @param capacity in bytes. */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Whether so many bytes are left. */
  has(bytes: number): boolean {
    return this.used + bytes <= this.bytes.length;
  }
}
