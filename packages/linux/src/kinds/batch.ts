import type { KernelSession } from '../kernel/session.js';
import type { LinkTable } from '../kernel/link-table.js';
import type { Outcome } from '../reconciler/kind.js';
import { linkMissing } from './on-link.js';

/** Errors that say of a removal that there is nothing to remove. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EADDRNOTAVAIL', 'ENXIO']);

/** Objects encoded at once, and how many such parts may wait for the kernel: enough that it never waits for us. */
const PART = 512;
const PARTS_AHEAD = 2;

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
  encode: (object: D, linkIndex: number) => Uint8Array,
  options: { readonly signal: AbortSignal; readonly removing?: boolean },
): Promise<readonly Outcome[]> {
  await links.ready();
  const outcomes: Outcome[] = new Array<Outcome>(objects.length).fill(undefined);
  const sendPart = async (start: number, end: number): Promise<void> => {
    const messages: Uint8Array[] = [];
    const positions: number[] = [];
    for (let position = start; position < end; position += 1) {
      const object = objects[position];
      const index = links.byName(object.link)?.index;
      if (index === undefined) {
        outcomes[position] = linkMissing(object.link);
        continue;
      }
      messages.push(encode(object, index));
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
  for (let start = 0; start < objects.length; start += PART) {
    parts.push(sendPart(start, Math.min(start + PART, objects.length)));
    if (parts.length > PARTS_AHEAD) await parts[parts.length - 1 - PARTS_AHEAD];
  }
  await Promise.all(parts);
  return outcomes;
}
