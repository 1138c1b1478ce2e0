const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 5000;
/** From so many failures in a row on it is more than a disturbance. */
const LASTING = 3;

/**
 * What keeps one kind from being read or written as a whole: its calls throw, where a single object would be refused. It
 * is tried again for ever, at growing distances, and while it is, the other kinds go on without it.
 */
export class KindTrouble {
  #times = 0;
  #until = 0;
  #error: unknown;

  /** Another failure. True for the one from which on the trouble is {@link lasting}. */
  met(error: unknown, now: number): boolean {
    this.#times += 1;
    this.#error = error;
    this.#until = now + Math.min(FIRST_WAIT_MS * 2 ** (this.#times - 1), LONGEST_WAIT_MS);
    return this.#times === LASTING;
  }

  /** Nothing failed. True if the trouble was {@link lasting}. */
  over(): boolean {
    const { lasting } = this;
    this.#times = 0;
    this.#until = 0;
    this.#error = undefined;
    return lasting;
  }

  /** Whether it is too early to try again. */
  blocks(now: number): boolean {
    return now < this.#until;
  }

  /** When it is tried again; undefined without trouble. */
  get due(): number | undefined {
    return this.#times === 0 ? undefined : this.#until;
  }

  /** Whether it has failed once or twice: a disturbance which the order of all kinds waits for. */
  get brief(): boolean {
    return this.#times > 0 && !this.lasting;
  }

  /** Whether it is to be told of, and nobody waits for it any more. */
  get lasting(): boolean {
    return this.#times >= LASTING;
  }

  /** What failed last. */
  get error(): unknown {
    return this.#error;
  }
}
