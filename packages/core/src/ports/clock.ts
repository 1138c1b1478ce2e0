/**
 * Time as a part sees it, so that tests can let it pass. Whoever asks for a call later gets the means to cancel it:
 * no part owns a timer that its caller cannot stop.
 */
export interface Clock {
  /**
   * The wall clock: milliseconds since the Unix epoch. Somebody may set it at any time, forwards or back, so it is for what
   * is shown, what is written down, and what ends at a time of day (a lease's `expiresAt`), never for how long something
   * lasts.
   */
  now(): number;
  /**
   * Milliseconds since some moment that is the same for the whole life of the clock; may have fractions. It never steps and
   * never runs back, whatever is done to the wall clock: deadlines, waits and ages are reckoned by it.
   */
  elapsed(): number;
  /** Calls `action` once after `ms` milliseconds (0 or more); the function given back cancels that. */
  after(ms: number, action: () => void): () => void;
}

/** The clock of the machine. Its timers keep the process alive until they are cancelled or have run. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
