/**
 * Time as a part sees it, so that tests can let it pass. Whoever asks for a call later gets the means to cancel it:
 * no part owns a timer that its caller cannot stop.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `action` once after `ms` milliseconds (0 or more); the function given back cancels that. */
  after(ms: number, action: () => void): () => void;
}

/** The clock of the machine. Its timers keep the process alive until they are cancelled or have run. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
