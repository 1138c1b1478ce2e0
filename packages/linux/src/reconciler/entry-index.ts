import type { Entry } from './entry.js';
import type { KernelObject, Sighting } from './kind.js';
import type { ObjectIndex } from './object-index.js';

const FIRST_CAPACITY = 16;
/** The end of a chain. */
const NONE = -1;

/**
 * Finds entries by the key of an object, and gives them in the order in which they were added. As `Map` does it, with
 * chains through arrays of numbers; but with hashes that are told, so that nobody has to make a text of each key.
 */
export class EntryIndex {
  /** In the order of their addition; holes where one was deleted. */
  #entries: (Entry | undefined)[] = [];
  /** Of the entry in the same place. */
  #hashes = new Int32Array(FIRST_CAPACITY);
  /** The place of the next entry in the same chain. */
  #next = new Int32Array(FIRST_CAPACITY);
  /** Where each chain begins, by the low bits of the hash. */
  #heads = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #size = 0;

  constructor(private readonly index: ObjectIndex<KernelObject>) {}

  get size(): number {
    return this.#size;
  }

  /** The entry whose object has the key of this one. `hash` is the object's, for callers that have it. */
  find(object: KernelObject, hash = this.index.hash(object)): Entry | undefined {
    for (let at = this.#head(hash); at !== NONE; at = this.#next[at]) {
      if (this.#hashes[at] !== (hash | 0)) continue;
      const entry = this.#entries[at];
      if (entry && this.index.sameKey(entry.object, object)) return entry;
    }
    return undefined;
  }

  /** The entry whose object has the key of what a dump came upon. */
  findSeen(sighting: Sighting): Entry | undefined {
    const { hash } = sighting;
    for (let at = this.#head(hash); at !== NONE; at = this.#next[at]) {
      if (this.#hashes[at] !== (hash | 0)) continue;
      const entry = this.#entries[at];
      if (entry && sighting.hasKeyOf(entry.object)) return entry;
    }
    return undefined;
  }

  /** Adds an entry. There must be none with its key, and nobody may be looking through all of them. */
  add(entry: Entry, hash = this.index.hash(entry.object)): void {
    if (this.#entries.length === this.#heads.length) this.#makeRoom();
    const at = this.#entries.length;
    this.#entries.push(entry);
    this.#hashes[at] = hash;
    this.#chain(at);
    this.#size += 1;
  }

  delete(entry: Entry): void {
    const hash = this.index.hash(entry.object);
    let before = NONE;
    for (let at = this.#head(hash); at !== NONE; before = at, at = this.#next[at]) {
      if (this.#entries[at] !== entry) continue;
      if (before === NONE) this.#heads[hash & (this.#heads.length - 1)] = this.#next[at];
      else this.#next[before] = this.#next[at];
      this.#entries[at] = undefined;
      this.#size -= 1;
      return;
    }
  }

  /** Entries may be deleted meanwhile. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    for (const entry of this.#entries) if (entry) yield entry;
  }

  #head(hash: number): number {
    return this.#heads[hash & (this.#heads.length - 1)];
  }

  #chain(at: number): void {
    const chain = this.#hashes[at] & (this.#heads.length - 1);
    this.#next[at] = this.#heads[chain];
    this.#heads[chain] = at;
  }

  /** Closes the holes, and doubles the room unless that was enough. */
  #makeRoom(): void {
    const capacity = this.#heads.length * (this.#size * 2 > this.#heads.length ? 2 : 1);
    const hashes = new Int32Array(capacity);
    let size = 0;
    this.#entries.forEach((entry, at) => {
      if (!entry) return;
      this.#entries[size] = entry;
      hashes[size] = this.#hashes[at];
      size += 1;
    });
    this.#entries.length = size;
    this.#hashes = hashes;
    this.#next = new Int32Array(capacity);
    this.#heads = new Int32Array(capacity).fill(NONE);
    for (let at = 0; at < size; at += 1) this.#chain(at);
  }
}
