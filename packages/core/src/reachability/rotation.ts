import type { Path } from './path.js';

/** A path is left alone for so long after a probe, in milliseconds: a handful of peers is not pinged the faster for it. */
const REST_MS = 1_000;

/**
 * Decides whose turn it is: every second time the next one of all, round and round; every other time one that lost its
 * last probe, so that one need not go through all peers three times to learn that one of them is gone, or back.
 */
export class Rotation {
  readonly #all: Path[] = [];
  #next = 0;
  #turnOfDoubted = false;
  /** Which still count as reachable, those that have waited longest first; before those that are known to be gone. */
  readonly #doubted = new Set<Path>();
  readonly #gone = new Set<Path>();

  /** All of them. */
  get paths(): readonly Path[] {
    return this.#all;
  }

  add(path: Path): void {
    path.place = this.#all.length;
    this.#all.push(path);
  }

  delete(path: Path): void {
    const last = this.#all.pop();
    if (last !== undefined && last !== path) {
      this.#all[path.place] = last;
      last.place = path.place;
    }
    path.place = -1;
    this.#doubted.delete(path);
    this.#gone.delete(path);
  }

  /** Its last probe was lost. */
  doubt(path: Path): void {
    if (path.state === 'reachable') this.#doubted.add(path);
    if (path.state === 'unreachable') this.#gone.add(path);
  }

  /** Whose turn it is at `now`, in milliseconds on the clock of {@link Path.probedAt}; undefined: everybody rests. */
  next(now: number): Path | undefined {
    this.#turnOfDoubted = !this.#turnOfDoubted;
    const path = (this.#turnOfDoubted ? this.#first(now) : undefined) ?? this.#inTurn(now);
    if (path === undefined) return undefined;
    this.#doubted.delete(path);
    this.#gone.delete(path);
    return path;
  }

  #first(now: number): Path | undefined {
    for (const queue of [this.#doubted, this.#gone]) {
      const [first] = queue;
      if (first !== undefined && rested(first, now)) return first;
    }
    return undefined;
  }

  #inTurn(now: number): Path | undefined {
    // Whoever does not rest yet has just had a turn. There are no more of those than probes in a second.
    for (let tried = 0; tried < this.#all.length; tried++) {
      this.#next = this.#next >= this.#all.length ? 0 : this.#next;
      const path = this.#all[this.#next++];
      if (rested(path, now)) return path;
    }
    return undefined;
  }
}

function rested(path: Path, now: number): boolean {
  return now - path.probedAt >= REST_MS;
}
