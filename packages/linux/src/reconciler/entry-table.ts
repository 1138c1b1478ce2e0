import { NOBODY, Status } from './entry.js';
import type { Entry, Owner } from './entry.js';
import type { KernelObject, Sighting } from './kind.js';
import type { ObjectIndex } from './object-index.js';
import { PagedList } from './paged-list.js';

const FIRST_CAPACITY = 16;
/** The end of a chain. */
const NONE = -1;
const NO_OBJECT: KernelObject = { kind: '' };

/**
 * Entries by the key of their object. There are three for each peer, hence 150,000 at 50,000 hosts: what is known of an
 * entry lies in arrays at its place, for an object of its own would take four times that, and time of each collection.
 * Keys are told by hashes in chains, so that nobody has to make a text of each.
 */
export class EntryTable {
  readonly #objects = new PagedList<KernelObject>();
  readonly #owners = new PagedList<Owner>();
  #statuses = new Uint8Array(FIRST_CAPACITY);
  /** The number of the dump that saw it last. */
  #dumps = new Int32Array(FIRST_CAPACITY);
  #hashes = new Int32Array(FIRST_CAPACITY);
  /** The next entry in the same chain; of a free place, the next free one. */
  #next = new Int32Array(FIRST_CAPACITY);
  /** Where each chain begins, by the low bits of the hash. */
  #heads = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #free = NONE;
  #size = 0;

  constructor(private readonly index: ObjectIndex<KernelObject>) {}

  get size(): number {
    return this.#size;
  }

  /** The entry whose object has the key of this one. `hash` is the object's, for callers that have it. */
  find(object: KernelObject, hash = this.index.hash(object)): Entry | undefined {
    for (let at = this.#head(hash); at !== NONE; at = this.#next[at]) {
      if (this.#hashes[at] === (hash | 0) && this.index.sameKey(this.#objects.get(at), object)) return at;
    }
    return undefined;
  }

  /** The entry whose object has the key of what a dump came upon. */
  findSeen(sighting: Sighting): Entry | undefined {
    const { hash } = sighting;
    for (let at = this.#head(hash); at !== NONE; at = this.#next[at]) {
      if (this.#hashes[at] === (hash | 0) && sighting.hasKeyOf(this.#objects.get(at))) return at;
    }
    return undefined;
  }

  /** Adds an entry. There must be none with its key, and nobody may be looking through all of them. */
  add(object: KernelObject, owner: Owner, status: Status, hash = this.index.hash(object)): Entry {
    const at = this.#takePlace();
    this.#objects.set(at, object);
    this.#owners.set(at, owner);
    this.#statuses[at] = status;
    this.#dumps[at] = 0;
    this.#hashes[at] = hash;
    this.#chain(at);
    this.#size += 1;
    return at;
  }

  /** Deletes an entry, whose place another one may have from now on; until then its status is `Gone`. */
  delete(entry: Entry): void {
    const hash = this.#hashes[entry];
    let before = NONE;
    for (let at = this.#head(hash); at !== entry; before = at, at = this.#next[at]) if (at === NONE) return;
    if (before === NONE) this.#heads[hash & (this.#heads.length - 1)] = this.#next[entry];
    else this.#next[before] = this.#next[entry];
    this.#objects.set(entry, NO_OBJECT);
    this.#owners.set(entry, NOBODY);
    this.#statuses[entry] = Status.Gone;
    this.#next[entry] = this.#free;
    this.#free = entry;
    this.#size -= 1;
  }

  objectOf(entry: Entry): KernelObject {
    return this.#objects.get(entry);
  }

  /** Gives an entry another object with the same key. */
  setObject(entry: Entry, object: KernelObject): void {
    this.#objects.set(entry, object);
  }

  ownerOf(entry: Entry): Owner {
    return this.#owners.get(entry);
  }

  setOwner(entry: Entry, owner: Owner): void {
    this.#owners.set(entry, owner);
  }

  statusOf(entry: Entry): Status {
    return this.#statuses[entry];
  }

  setStatus(entry: Entry, status: Status): void {
    this.#statuses[entry] = status;
  }

  /** Whether a dump came upon the object. Dumps have numbers from 1 on. */
  wasSeen(entry: Entry, dump: number): boolean {
    return this.#dumps[entry] === dump;
  }

  /** Whether this dump or a later one came upon the object. */
  wasSeenSince(entry: Entry, dump: number): boolean {
    return this.#dumps[entry] >= dump;
  }

  setSeen(entry: Entry, dump: number): void {
    this.#dumps[entry] = dump;
  }

  /** Calls for each entry, in less time than a loop over them takes. Entries may be deleted meanwhile. */
  forEach(each: (entry: Entry) => void): void {
    for (let at = 0; at < this.#objects.length; at += 1) if (this.statusOf(at) !== Status.Gone) each(at);
  }

  /** Entries may be deleted meanwhile. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    for (let at = 0; at < this.#objects.length; at += 1) if (this.statusOf(at) !== Status.Gone) yield at;
  }

  #takePlace(): Entry {
    const at = this.#free;
    if (at !== NONE) {
      this.#free = this.#next[at];
      return at;
    }
    if (this.#objects.length === this.#heads.length) this.#makeRoom();
    return this.#objects.length;
  }

  #head(hash: number): number {
    return this.#heads[hash & (this.#heads.length - 1)];
  }

  #chain(at: Entry): void {
    const chain = this.#hashes[at] & (this.#heads.length - 1);
    this.#next[at] = this.#heads[chain];
    this.#heads[chain] = at;
  }

  /** Doubles the room. There is no free place, so all are to be chained anew. */
  #makeRoom(): void {
    const before = this.#heads.length;
    const larger = (numbers: Int32Array): Int32Array<ArrayBuffer> => {
      const copy = new Int32Array(before * 2);
      copy.set(numbers);
      return copy;
    };
    const statuses = new Uint8Array(before * 2);
    statuses.set(this.#statuses);
    this.#statuses = statuses;
    this.#dumps = larger(this.#dumps);
    this.#hashes = larger(this.#hashes);
    this.#next = new Int32Array(before * 2);
    this.#heads = new Int32Array(before * 2).fill(NONE);
    for (let at = 0; at < before; at += 1) this.#chain(at);
  }
}
