import type { Sighting } from './kind.js';

/** Reads everything of a kind, and calls for each object that it comes upon. */
export type Look = (each: (sighting: Sighting) => void) => Promise<void>;

/**
 * A read of everything. It can be begun before the round that needs it, in the very turn in which the first object is
 * wanted: the kernel lists what there is while thousands of others come to be wanted. Nothing is told before that turn
 * has ended, and what changes from then on is heard after it, so that this is as good as a read begun at the turn's end.
 */
export class ReadAhead {
  /** Resolves when all has been told; rejects as the read does. */
  readonly done: Promise<void>;
  #told = false;
  #abandoned = false;

  /** @param dump the number of this read among those of its kind. */
  constructor(
    readonly dump: number,
    look: Look,
    each: (sighting: Sighting) => void,
  ) {
    this.done = look((sighting) => {
      if (this.#abandoned) return;
      this.#told = true;
      each(sighting);
    }).then(() => {
      this.#told = true;
    });
    // Whoever waits for it hears of it; nobody may, if it is abandoned.
    this.done.catch(() => undefined);
  }

  /** Whether something of it has been judged already, or all, where there is nothing. */
  get told(): boolean {
    return this.#told;
  }

  /** Tells nothing any more. */
  abandon(): void {
    this.#abandoned = true;
  }
}
