import type { Kind, KernelObject } from './kind.js';

/** How objects of a kind are found by key. */
export type ObjectIndex<D extends KernelObject> = NonNullable<Kind<D>['index']>;

/** A kind's own way to find objects, or one by their keys. */
export function objectIndex<D extends KernelObject>(kind: Kind<D>): ObjectIndex<D> {
  return (
    kind.index ?? {
      hash: (object) => textHash(kind.key(object)),
      sameKey: (a, b) => kind.key(a) === kind.key(b),
    }
  );
}

/** FNV-1a, of UTF-16 units. */
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  // Its low bits, which the index takes, mix poorly for texts that end alike.
  return hash ^ (hash >>> 15);
}
