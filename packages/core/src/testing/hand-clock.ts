import type { Clock } from '../ports/clock.js';

/** Turns of the event loop that a chain of promises and immediates may need. */
const TURNS = 12;

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Time that passes only when a test says so. */
export class HandClock implements Clock {
  /** Far from what the wall clock says, so that who confuses the two is found out. */
  #elapsed = 5_000;
  #epoch = 995_000;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Somebody sets the wall clock so many milliseconds forwards, or back if negative. No time passes. */
  step(ms: number): void {
    this.#epoch += ms;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#elapsed + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer. */
  get next(): number | undefined {
    const first = this.#first();
    return first && first.at - this.#elapsed;
  }

  /** Lets so many milliseconds pass, one timer after the other, each with all that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    for (;;) {
      await settle();
      const due = this.#first();
      if (due === undefined || due.at > end) break;
      this.#timers.delete(due);
      this.#elapsed = Math.max(this.#elapsed, due.at);
      due.action();
    }
    this.#elapsed = end;
    await settle();
  }

  #first(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  }
}
