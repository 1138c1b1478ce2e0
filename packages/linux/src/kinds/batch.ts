import type { KernelSession } from '../kernel/session.js';
import type { LinkTable } from '../kernel/link-table.js';
import type { Outcome } from '../reconciler/kind.js';
import { linkMissing } from './on-link.js';

/** Errors that say of a removal that there is nothing to remove. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EADDRNOTAVAIL', 'ENXIO']);

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
  const messages: Uint8Array[] = [];
  const positions: number[] = [];
  objects.forEach((object, position) => {
    const index = links.byName(object.link)?.index;
    if (index === undefined) {
      outcomes[position] = linkMissing(object.link);
      return;
    }
    messages.push(encode(object, index));
    positions.push(position);
  });
  if (messages.length === 0) return outcomes;
  const failures = await session.send(messages, { signal: options.signal });
  for (const [at, error] of failures) {
    const position = positions[at];
    if (position === undefined || (options.removing && GONE.has(error.errnoName))) continue;
    outcomes[position] = error;
  }
  return outcomes;
}
