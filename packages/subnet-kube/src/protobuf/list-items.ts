import { MessageReader } from '@overlay/core/protobuf';
import { ByteQueue } from './byte-queue.js';
import { MAGIC } from './envelope.js';

/** Takes apart a list as it comes, so that it never is in memory as a whole. */
export class ListItems {
  readonly #queue = new ByteQueue();
  #begun = false;
  /** Bytes of the list itself that are still to come, once it is known where it begins. */
  #left: number | undefined;
  #resourceVersion = '';

  /** The version of the list, known before its first item. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Whether everything has come. */
  get complete(): boolean {
    return this.#left === 0;
  }

  /** The items that this piece completes. @throws Error when it is no list */
  *push(piece: Buffer): Generator<MessageReader> {
    this.#queue.push(piece);
    if (!this.#begun) {
      const magic = this.#queue.take(MAGIC.length);
      if (magic === undefined) return;
      if (!magic.equals(MAGIC)) throw new Error('a list does not begin as one of Kubernetes');
      this.#begun = true;
    }
    while (this.#left !== 0) {
      const head = this.#head();
      if (head === undefined) return;
      const { field, size, length } = head;
      if (this.#left === undefined && field === 2) {
        this.#queue.take(size);
        this.#left = length;
        continue;
      }
      if (this.#queue.length < size + length) return;
      this.#queue.take(size);
      const bytes = this.#queue.take(length);
      if (bytes === undefined) return;
      if (this.#left === undefined) continue;
      this.#left -= size + length;
      if (field === 2) yield new MessageReader(bytes);
      else if (field === 1) this.#readMetadata(new MessageReader(bytes));
    }
  }

  /** Tag and length of the next field, all of which have one here; undefined while they have not come. */
  #head(): { field: number; size: number; length: number } | undefined {
    const bytes = this.#queue.peek(Math.min(this.#queue.length, 6));
    if (bytes === undefined || bytes.length < 2) return undefined;
    const tag = bytes.readUInt8(0);
    if ((tag & 7) !== 2) throw new Error('a list has a field that it should not have');
    let length = 0;
    for (let at = 1; at < bytes.length; at++) {
      const byte = bytes.readUInt8(at);
      length += (byte & 0x7f) * 128 ** (at - 1);
      if (byte < 0x80) return { field: tag >>> 3, size: at + 1, length };
    }
    if (bytes.length === 6) throw new Error('a length in a list has more than five bytes');
    return undefined;
  }

  #readMetadata(metadata: MessageReader): void {
    for (let field = metadata.next(); field !== 0; field = metadata.next()) {
      if (field === 2) this.#resourceVersion = metadata.text();
    }
  }
}
