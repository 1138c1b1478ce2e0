import type { Clock } from '../ports/clock.js';

const FIRST_MS = 200;

/** Who keeps undoing what is ours is met with patience: the first time at once, then ever more slowly. */
export class Patience {
  #mendedAt = -Infinity;
  #ms = 0;

  /** @param longestMs the longest wait, and the calm after which all begins anew; 30 s unless told */
  constructor(
    private readonly clock: Clock,
    private readonly longestMs = 30_000,
  ) {}

  /** Milliseconds to wait before mending what was undone once more; it counts as mended then. */
  next(): number {
    const now = this.clock.elapsed();
    const calm = now - this.#mendedAt > this.longestMs;
    this.#ms = calm ? 0 : Math.min(Math.max(this.#ms * 2, FIRST_MS), this.longestMs);
    this.#mendedAt = now + this.#ms;
    return this.#ms;
  }
}
