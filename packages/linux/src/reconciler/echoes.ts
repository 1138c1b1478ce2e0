import type { KernelObject, Kind } from './kind.js';

/** How long the kernel may take to report a write of our own. */
const MEMORY_MS = 1000;

interface Write {
  readonly at: number;
  /** Absent: the object was removed. */
  readonly object?: KernelObject;
}

/** When the last write of a key was noted. */
interface Order {
  readonly key: string;
  readonly at: number;
}

/**
 * Remembers what was lately *replaced or removed* of a kind whose own writes the kernel reports without our mark (VXLAN
 * FDB entries carry port id 0), so that a late report of an older write is not taken for somebody else's change. A
 * report of the newest write needs no memory: it equals what is wanted.
 */
export class Echoes {
  readonly #writes = new Map<string, Write[]>();
  /** Keys in the order in which they were written; those before `#oldest` are forgotten. */
  #order: Order[] = [];
  #oldest = 0;

  constructor(private readonly kind: Kind) {}

  /** What was written or removed, and has now been superseded. */
  superseded(key: string, object: KernelObject | undefined, now: number): void {
    const writes = this.#writes.get(key);
    const write: Write = object === undefined ? { at: now } : { at: now, object };
    if (writes) writes.push(write);
    else this.#writes.set(key, [write]);
    this.#order.push({ key, at: now });
    this.#forgetOld(now);
  }

  /** Whether a report (`actual` absent: gone) may be the echo of an older write of our own. */
  mayBe(key: string, actual: KernelObject | undefined, now: number): boolean {
    this.#forgetOld(now);
    const writes = this.#writes.get(key);
    if (!writes) return false;
    return writes.some(({ object }) =>
      actual === undefined ? object === undefined : object !== undefined && this.kind.satisfies(actual, object),
    );
  }

  #forgetOld(now: number): void {
    for (; this.#oldest < this.#order.length; this.#oldest += 1) {
      const { key, at } = this.#order[this.#oldest];
      if (now - at <= MEMORY_MS) break;
      const rest = this.#writes.get(key)?.filter((write) => now - write.at <= MEMORY_MS);
      if (rest && rest.length > 0) this.#writes.set(key, rest);
      else this.#writes.delete(key);
    }
    if (this.#oldest * 2 <= this.#order.length) return;
    this.#order = this.#order.slice(this.#oldest);
    this.#oldest = 0;
  }
}
