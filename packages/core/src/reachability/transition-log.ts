import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { quoted } from '../quoted.js';
import type { Path } from './path.js';

/** So many lines in a window, and one at its end that counts the rest. */
const LINES = 10;
const WINDOW_MS = 60_000;

/** Says which peers stop answering and which answer again; when a switch dies, that is not a line for each of a thousand. */
export class TransitionLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #said = 0;
  #lost = 0;
  #back = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A peer has stopped answering. */
  lost(path: Path): void {
    if (!this.#room()) {
      this.#lost++;
      return;
    }
    const why = path.problem === undefined ? '' : `: ${path.problem}`;
    this.#logger.warn(`peer ${quoted(path.peer)} does not answer probes of ${path.subnet} any more${why}`);
  }

  /** A peer answers again. */
  back(path: Path): void {
    if (!this.#room()) {
      this.#back++;
      return;
    }
    const seconds = Math.max(0, Math.round((this.#clock.now() - path.firstLossAt) / 1000));
    this.#logger.info(`peer ${quoted(path.peer)} answers probes of ${path.subnet} again, after ${seconds} s`);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #room(): boolean {
    this.#cancel ??= this.#clock.after(WINDOW_MS, () => this.#windowEnds());
    return this.#said++ < LINES;
  }

  #windowEnds(): void {
    this.#cancel = undefined;
    if (this.#lost > 0) this.#logger.warn(`in the last minute ${this.#lost} more peers stopped answering probes`);
    if (this.#back > 0) this.#logger.info(`in the last minute ${this.#back} more peers answered probes again`);
    this.#said = this.#lost = this.#back = 0;
  }
}
