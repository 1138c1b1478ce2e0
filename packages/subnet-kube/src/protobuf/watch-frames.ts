import { MessageReader } from '@overlay/core/protobuf';
import { ByteQueue } from './byte-queue.js';
import type { Enveloped } from './envelope.js';
import { openEnvelope } from './envelope.js';

/** One event of a watch. */
export interface WatchEvent extends Enveloped {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`. */
  readonly type: string;
}

/** The largest object that etcd takes is 1.5 MB; what claims to be many times that is no frame. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Takes apart the stream of a watch: v1.WatchEvent after v1.WatchEvent, each after its length in four bytes. */
export class WatchFrames {
  readonly #queue = new ByteQueue();

  /** @throws Error when what came is none */
  *push(piece: Buffer): Generator<WatchEvent> {
    this.#queue.push(piece);
    for (;;) {
      const length = this.#queue.peek(4)?.readUInt32BE(0);
      if (length === undefined) return;
      if (length > MOST_BYTES) throw new Error(`an event of a watch claims to have ${length} bytes`);
      const frame = this.#queue.take(length + 4);
      if (frame === undefined) return;
      yield readWatchEvent(frame.subarray(4));
    }
  }
}

function readWatchEvent(bytes: Buffer): WatchEvent {
  const event = new MessageReader(bytes);
  let type = '';
  let object: Enveloped | undefined;
  for (let field = event.next(); field !== 0; field = event.next()) {
    if (field === 1) {
      type = event.text();
    } else if (field === 2) {
      const extension = event.message();
      for (let part = extension.next(); part !== 0; part = extension.next()) {
        if (part === 1) object = openEnvelope(extension.bytes());
      }
    }
  }
  if (object === undefined) throw new Error('an event of a watch is without an object');
  return { type, ...object };
}
