/** So many times as long is waited at most when answers take too long: one that is not there may be elsewhere by then. */
const MOST_FACTOR = 4;

/**
 * How long may pass until something is heard. An etcd that is short of processors would else be asked the same again and
 * again by all hosts, each time a moment before it has answered, and be kept busy by just that: so the limit doubles with
 * each answer that comes too late, and is as it was as soon as one is in time.
 */
export class TimeLimit {
  #factor = 1;

  /** @param usualMs milliseconds */
  constructor(private readonly usualMs: number) {}

  /** By how much it is longer than usual at present: 1 to 4. */
  get factor(): number {
    return this.#factor;
  }

  /** Milliseconds. */
  get ms(): number {
    return this.usualMs * this.#factor;
  }

  /** An answer was there after so many milliseconds. */
  answered(ms: number): void {
    if (ms < this.usualMs) this.#factor = 1;
  }

  /** It has passed. @param factor what it was when that was asked; of several questions that are lost at once one counts */
  passed(factor: number): void {
    this.#factor = Math.max(this.#factor, Math.min(factor * 2, MOST_FACTOR));
  }
}
