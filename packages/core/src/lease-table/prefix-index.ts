import type { Family } from '../address/index.js';
import { OverlayError } from '../errors.js';
import type { Block } from './block.js';
import { bitAt } from './block.js';

/** The `#root` of an index without branches is a leaf; so is every kid that is negative: leaf number `~kid`. */
type Ref = number;

/**
 * Prefixes of one family, no two of which overlap, each with a value; finds the one that overlaps a given prefix.
 *
 * A crit-bit tree in flat arrays (about 30 bytes a prefix in IPv4, 45 in IPv6, beside the value): a branch names the
 * first bit in which its two sides differ. A search looks at one bit a branch and compares once at the end, so it costs
 * at most 32 or 128 steps, whatever prefixes an adversary chooses, and about log2 of their number otherwise.
 */
export class PrefixIndex<T> {
  readonly #words: 1 | 4;
  #size = 0;
  #root: Ref = 0;
  #keys: Int32Array;
  #lengths: Uint8Array;
  readonly #values: (T | undefined)[] = [];
  #leaves = 0;
  readonly #freeLeaves: number[] = [];
  #bits: Uint8Array;
  #kids: Int32Array;
  #branches = 0;
  readonly #freeBranches: number[] = [];

  constructor(family: Family) {
    this.#words = family === 'ipv4' ? 1 : 4;
    this.#keys = new Int32Array(16 * this.#words);
    this.#lengths = new Uint8Array(16);
    this.#bits = new Uint8Array(16);
    this.#kids = new Int32Array(32);
  }

  get size(): number {
    return this.#size;
  }

  /** The value of a prefix that has an address in common with `block`; any one of them if there are several. */
  overlapping(block: Block): T | undefined {
    if (this.#size === 0) return undefined;
    const leaf = this.#nearest(block);
    return this.#sharedBits(leaf, block) >= this.#commonLength(leaf, block) ? this.#values[leaf] : undefined;
  }

  /**
   * Adds a prefix, or gives it another value.
   *
   * @throws OverlayError `OVERLAY_PREFIX_OVERLAPS` when another prefix here overlaps it: the caller has to ask first.
   */
  set(block: Block, value: T): void {
    if (this.#size === 0) {
      this.#root = ~this.#newLeaf(block, value);
      return;
    }
    const nearest = this.#nearest(block);
    const bit = this.#sharedBits(nearest, block);
    if (bit >= this.#commonLength(nearest, block)) {
      if (this.#lengths[nearest] !== block.length) {
        throw new OverlayError('OVERLAY_PREFIX_OVERLAPS', 'indexing a prefix: another one that overlaps it is there');
      }
      this.#values[nearest] = value;
      return;
    }
    let slot = -1;
    let below = this.#root;
    while (below >= 0 && this.#bits[below] < bit) {
      slot = 2 * below + bitAt(block, this.#bits[below]);
      below = this.#kids[slot];
    }
    const branch = this.#newBranch(bit);
    const side = bitAt(block, bit);
    this.#kids[2 * branch + side] = ~this.#newLeaf(block, value);
    this.#kids[2 * branch + 1 - side] = below;
    this.#link(slot, branch);
  }

  /** Removes exactly this prefix; false when it is not here. */
  delete(block: Block): boolean {
    if (this.#size === 0) return false;
    let above = -1;
    let slot = -1;
    let ref = this.#root;
    while (ref >= 0) {
      above = slot;
      const bit = this.#bits[ref];
      slot = 2 * ref + (bit < block.length ? bitAt(block, bit) : 0);
      ref = this.#kids[slot];
    }
    const leaf = ~ref;
    if (this.#lengths[leaf] !== block.length || this.#sharedBits(leaf, block) < block.length) return false;
    if (slot >= 0) {
      this.#link(above, this.#kids[slot ^ 1]);
      this.#freeBranches.push(slot >>> 1);
    }
    this.#values[leaf] = undefined;
    this.#freeLeaves.push(leaf);
    this.#size--;
    return true;
  }

  /** The only leaf that can be equal to, contain or (as one of several) lie inside the block. */
  #nearest(block: Block): number {
    let ref = this.#root;
    while (ref >= 0) {
      const bit = this.#bits[ref];
      ref = this.#kids[2 * ref + (bit < block.length ? bitAt(block, bit) : 0)];
    }
    return ~ref;
  }

  #commonLength(leaf: number, block: Block): number {
    return Math.min(this.#lengths[leaf], block.length);
  }

  /** The number of leading bits that are the same, lengths apart. */
  #sharedBits(leaf: number, block: Block): number {
    const keys = this.#keys;
    if (this.#words === 1) return Math.clz32(keys[leaf] ^ block.word0);
    const at = 4 * leaf;
    if (keys[at] !== block.word0) return Math.clz32(keys[at] ^ block.word0);
    if (keys[at + 1] !== block.word1) return 32 + Math.clz32(keys[at + 1] ^ block.word1);
    if (keys[at + 2] !== block.word2) return 64 + Math.clz32(keys[at + 2] ^ block.word2);
    return 96 + Math.clz32(keys[at + 3] ^ block.word3);
  }

  #link(slot: number, ref: Ref): void {
    if (slot < 0) this.#root = ref;
    else this.#kids[slot] = ref;
  }

  #newLeaf(block: Block, value: T): number {
    const leaf = this.#freeLeaves.pop() ?? this.#leaves++;
    if (leaf === this.#lengths.length) {
      this.#keys = grown(this.#keys, new Int32Array(2 * this.#keys.length));
      this.#lengths = grown(this.#lengths, new Uint8Array(2 * leaf));
    }
    const at = leaf * this.#words;
    this.#keys[at] = block.word0;
    if (this.#words === 4) {
      this.#keys[at + 1] = block.word1;
      this.#keys[at + 2] = block.word2;
      this.#keys[at + 3] = block.word3;
    }
    this.#lengths[leaf] = block.length;
    this.#values[leaf] = value;
    this.#size++;
    return leaf;
  }

  #newBranch(bit: number): number {
    const branch = this.#freeBranches.pop() ?? this.#branches++;
    if (branch === this.#bits.length) {
      this.#bits = grown(this.#bits, new Uint8Array(2 * branch));
      this.#kids = grown(this.#kids, new Int32Array(4 * branch));
    }
    this.#bits[branch] = bit;
    return branch;
  }
}

function grown<A extends Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
