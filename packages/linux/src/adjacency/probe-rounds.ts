import type { Address } from '@overlay/core';
import type { Resolution } from './resolution.js';

/** How often those that answered are asked again, in milliseconds. */
const CONFIRM_MS = 30_000;

/** What {@link ProbeRounds} ask about. */
export type Probed = Pick<Resolution, 'addresses' | 'doubtful' | 'follows'>;

/**
 * Whom to ask next whether they are still there. The doubtful go round without a rest, all others in rounds that begin at
 * least half a minute apart; so many a turn, and the next turn goes on where this one ended, so that everybody has a turn
 * however many there are.
 */
export class ProbeRounds {
  readonly #known: Probed;
  readonly #most: number;
  #doubtful: Address[] = [];
  #all: Address[] = [];
  #began = -Infinity;

  /** @param most of the doubtful, and of all, in one turn */
  constructor(known: Probed, most: number) {
    this.#known = known;
    this.#most = most;
  }

  /** The addresses of this turn. `now` is in milliseconds, by a clock that never steps. */
  next(now: number): Address[] {
    if (this.#doubtful.length === 0) this.#doubtful = [...this.#known.doubtful()].reverse();
    if (this.#all.length === 0 && now - this.#began >= CONFIRM_MS) {
      this.#began = now;
      this.#all = [...this.#known.addresses()].reverse();
    }
    return [...new Set([...this.#take(this.#doubtful), ...this.#take(this.#all)])];
  }

  /** The next ones of a list whose first is at its end; some may be followed no more. */
  #take(list: Address[]): Address[] {
    const taken: Address[] = [];
    while (list.length > 0 && taken.length < this.#most) {
      const address = list.pop() as Address;
      if (this.#known.follows(address)) taken.push(address);
    }
    return taken;
  }
}
