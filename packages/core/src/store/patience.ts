import type { Clock } from '../ports/clock.js';

const FIRST_MS = 200;
const LONGEST_MS = 30_000;

/** Who keeps undoing what is ours is met with patience: the first time at once, then ever more slowly. */
export class Patience {
  #mendedAt = -Infinity;
  #ms = 0;

  constructor(private readonly clock: Clock) {}

  /** How long to wait before mending once more. */
  next(): number {
    const calm = this.clock.now() - this.#mendedAt > LONGEST_MS;
    this.#ms = calm ? 0 : Math.min(Math.max(this.#ms * 2, FIRST_MS), LONGEST_MS);
    return this.#ms;
  }

  mended(): void {
    this.#mendedAt = this.clock.now();
  }
}
