import type { Entry } from './entry.js';
import type { Kind, KernelObject } from './kind.js';

/** Finds entries by the key of an object, without a key being made where the kind knows how to do without. */
export class EntryIndex {
  readonly #buckets = new Map<string, Entry>();
  readonly #bucketOf: (object: KernelObject) => string;
  readonly #sameKey: (a: KernelObject, b: KernelObject) => boolean;
  #size = 0;

  constructor(kind: Kind) {
    const { bucket } = kind;
    this.#bucketOf = bucket ? bucket.of : (object) => kind.key(object);
    this.#sameKey = bucket ? bucket.sameKey : () => true;
  }

  get size(): number {
    return this.#size;
  }

  /** The entry whose object has the key of this one. */
  find(object: KernelObject): Entry | undefined {
    return this.findIn(this.bucket(object), object);
  }

  /** The bucket of an object, for {@link findIn} and {@link add}: looking for it is most of what either costs. */
  bucket(object: KernelObject): Entry | undefined {
    return this.#buckets.get(this.#bucketOf(object));
  }

  /** As {@link find}, in the object's bucket. */
  findIn(bucket: Entry | undefined, object: KernelObject): Entry | undefined {
    let entry = bucket;
    while (entry && !this.#sameKey(entry.object, object)) entry = entry.next;
    return entry;
  }

  /** Adds an entry to the bucket of its object. There must be none with its key. */
  add(entry: Entry, bucket: Entry | undefined): void {
    entry.next = bucket;
    this.#buckets.set(this.#bucketOf(entry.object), entry);
    this.#size += 1;
  }

  delete(entry: Entry): void {
    const bucket = this.#bucketOf(entry.object);
    const first = this.#buckets.get(bucket);
    if (first === entry) {
      if (entry.next) this.#buckets.set(bucket, entry.next);
      else this.#buckets.delete(bucket);
    } else {
      let before = first;
      while (before && before.next !== entry) before = before.next;
      if (!before) return;
      before.next = entry.next;
    }
    entry.next = undefined;
    this.#size -= 1;
  }

  /** Entries may be deleted meanwhile. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    for (const first of this.#buckets.values()) {
      let entry: Entry | undefined = first;
      while (entry) {
        const { next }: Entry = entry;
        yield entry;
        entry = next;
      }
    }
  }
}
