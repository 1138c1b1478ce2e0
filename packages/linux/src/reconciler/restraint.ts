const MINUTE = 60_000;

/** Keeps the log readable: at most a line a minute about what keeps being undone, however many objects of however many kinds. */
export class Restraint {
  #lastSaid = -MINUTE;

  /** Whether to say something now; true is taken for having said it. */
  maySay(now: number): boolean {
    if (now - this.#lastSaid < MINUTE) return false;
    this.#lastSaid = now;
    return true;
  }
}
