import { RpcError, STATUS } from './rpc-error.js';

/*
 * Messages on a stream of gRPC over HTTP/2: a byte that says whether the message is compressed, its length in four bytes,
 * the message (grpc/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
 */

const PREFIX = 5;

/** A message as it is sent; it is not compressed. */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, PREFIX);
  return framed;
}

/** Puts the messages of one stream together again, however its bytes are cut. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes that have to be there before anything can be told. */
  #wanted = PREFIX;

  /** Whether a message has begun that has not ended. */
  get pending(): boolean {
    return this.#length > 0;
  }

  /**
   * The messages that end in this piece.
   *
   * @throws RpcError `internal` for a compressed one, which nobody has asked for
   */
  take(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    // A list of many megabytes comes in pieces of 16 kB: they are put together once, when all of them are there.
    while (this.#length >= this.#wanted) {
      const bytes = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks, this.#length);
      if (bytes[0] !== 0) throw new RpcError(STATUS.internal, 'its answer is compressed, or not one of gRPC');
      const end = PREFIX + bytes.readUInt32BE(1);
      if (bytes.length < end) {
        this.#keep(bytes, end);
        break;
      }
      messages.push(bytes.subarray(PREFIX, end));
      this.#keep(bytes.subarray(end), PREFIX);
    }
    return messages;
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    this.#wanted = wanted;
  }
}
