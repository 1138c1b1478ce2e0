import type { KernelSession } from '../kernel/session.js';
import type { LinkTable } from '../kernel/link-table.js';
import { MessageRoom } from '../netlink/rtnetlink/message-room.js';
import type { Outcome } from '../reconciler/kind.js';
import { linkMissing } from './on-link.js';

/** Errors that say of a removal that there is nothing to remove. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EADDRNOTAVAIL', 'ENXIO']);

/** Objects encoded at once, and how many such parts may wait for the kernel: enough that it never waits for us. */
const PART = 512;
const PARTS_AHEAD = 2;

/** Bytes for each message of a part: more than a route of IPv6 takes. */
const MESSAGE_BYTES = 96;

/** Makes the message for an object, in the room if there is enough. */
export type Encode<D> = (object: D, linkIndex: number, room: MessageRoom) => Uint8Array;

/** What the kinds that live on devices have in common. */
export interface BatchContext {
  readonly session: KernelSession;
  readonly links: LinkTable;
}

/**
 * Sends one message for each object, all of them in as few sends as possible. An object whose device does not exist is
 * left out and reported as waiting for it.
 */
export async function sendBatch<D extends { readonly link: string }>(
  { session, links }: BatchContext,
  objects: readonly D[],
  encode: Encode<D>,
  options: { readonly signal: AbortSignal; readonly removing?: boolean },
): Promise<readonly Outcome[]> {
  if (!links.isReady) await links.ready();
  const outcomes: Outcome[] = new Array<Outcome>(objects.length).fill(undefined);
  const sendPart = async (start: number, end: number): Promise<void> => {
    const messages: Uint8Array[] = [];
    const positions: number[] = [];
    const room = new MessageRoom((end - start + 1) * MESSAGE_BYTES);
    let link: string | undefined;
    let index: number | undefined;
    for (let position = start; position < end; position += 1) {
      const object = objects[position];
      if (object.link !== link) index = links.byName((link = object.link))?.index;
      if (index === undefined) {
        outcomes[position] = linkMissing(object.link);
        continue;
      }
      messages.push(encode(object, index, room));
      positions.push(position);
    }
    if (messages.length === 0) return;
    for (const [at, error] of await session.send(messages, { signal: options.signal })) {
      const position = positions[at];
      if (position === undefined || (options.removing && GONE.has(error.errnoName))) continue;
      outcomes[position] = error;
    }
  };
  // While the kernel works on one part the next one is encoded; it carries them out in order.
  const parts: Promise<void>[] = [];
  try {
    for (let start = 0; start < objects.length; start += PART) {
      parts.push(sendPart(start, Math.min(start + PART, objects.length)));
      if (parts.length > PARTS_AHEAD) await parts[parts.length - 1 - PARTS_AHEAD];
    }
  } finally {
    // Also after a failure: the parts behind it fail by themselves, and nothing is being written once this has ended.
    await Promise.allSettled(parts);
  }
  await Promise.all(parts);
  return outcomes;
}
