import { Observable, Subject } from 'rxjs';
import { deferred, unlessAborted } from '../deferred.js';
import { errorText } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import type { Owner } from './journal.js';
import { readJournal } from './journal.js';
import type { Memory, SubnetSource } from './memory.js';
import { whyForgotten } from './memory.js';
import type { MemoryFile } from './memory-file.js';

export interface RecollectionOptions {
  readonly owner: Owner;
  readonly file: MemoryFile;
  readonly subnetsFrom: SubnetSource;
  /** Milliseconds of silence after which the store counts as away. */
  readonly silenceMs: number;
  /** Whether the store has been heard of. */
  readonly isHeard: () => boolean;
  /** Asks the store something small. Rejects when aborted, or when the store cannot be asked now. */
  readonly ask: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A large store takes its time to tell everything. */
const MORE_MS_A_BYTE = 200 / 1_000_000;
/** But not for a small question: without an answer to that within so many milliseconds it is away. */
const SMALL_ANSWER_MS = 300;

/** Decides whether the memory is needed, and has it as long as it is. The file is not touched unless the store is silent. */
export class Recollection {
  readonly #options: RecollectionOptions;
  /** Tells what is remembered once that is needed, also to those who ask later; completes when it counts no more. */
  readonly recalled$: Observable<Memory>;
  readonly #decided = deferred<void>();
  readonly #recalls = new Subject<Memory>();
  readonly #ending = new AbortController();
  #memory: Memory | undefined;
  #over = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: RecollectionOptions) {
    this.#options = options;
    this.recalled$ = new Observable((subscriber) => {
      if (this.#memory !== undefined) subscriber.next(this.#memory);
      return this.#recalls.subscribe(subscriber);
    });
  }

  /** What is remembered, while it is needed and may be used. */
  get memory(): Memory | undefined {
    return this.#memory;
  }

  /** Resolves when it is known whether the memory is used. Rejects when aborted. */
  decided(signal: AbortSignal): Promise<void> {
    return unlessAborted(this.#decided.promise, 'waiting for the store', signal);
  }

  /** Begins to wait for the store. */
  begin(): void {
    const { silenceMs, clock } = this.#options;
    this.#cancelTimer ??= clock.after(silenceMs, () => void this.#doubt());
  }

  /** The store has said what leases there are. */
  answered(): void {
    if (this.#over) return;
    if (this.#memory) this.#options.logger.info('the store answers: what was remembered of it counts no more');
    this.close();
  }

  close(): void {
    this.#over = true;
    this.#memory = undefined;
    this.#ending.abort();
    this.#cancelTimer?.();
    this.#recalls.complete();
    this.#decided.resolve();
  }

  /** The store has been silent. */
  async #doubt(): Promise<void> {
    const { file, logger } = this.#options;
    const { signal } = this.#ending;
    try {
      const moreMs = ((await file.size()) ?? 0) * MORE_MS_A_BYTE;
      if (moreMs >= 1 && this.#isNeeded() && (await this.#isThere(Math.min(moreMs, SMALL_ANSWER_MS)))) {
        await this.#pause(moreMs);
      }
      const text = this.#isNeeded() ? await file.read({ signal }) : undefined;
      if (text !== undefined && this.#isNeeded()) this.#recollect(text);
    } catch (error) {
      if (!this.#over)
        logger.warn(`${file.name}: what was remembered of the store cannot be read: ${errorText(error)}`);
    } finally {
      // Without a memory, whoever waits goes on waiting for the store.
      this.#decided.resolve();
    }
  }

  /** Whether the store answers a small question in time. */
  async #isThere(ms: number): Promise<boolean> {
    const asking = new AbortController();
    const answer = this.#options.ask(AbortSignal.any([this.#ending.signal, asking.signal])).then(
      () => true,
      () => false,
    );
    try {
      return await Promise.race([answer, this.#pause(ms).then(() => false)]);
    } finally {
      this.#cancelTimer?.();
      asking.abort();
    }
  }

  /** So many milliseconds; less when it is over. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cancelTimer = this.#options.clock.after(ms, resolve);
      this.#ending.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #isNeeded(): boolean {
    return !this.#over && !this.#options.isHeard();
  }

  #recollect(text: string): void {
    const { file, owner, subnetsFrom, clock, logger } = this.#options;
    const memory = readJournal(text, owner);
    const problem = 'problem' in memory ? memory.problem : whyForgotten(memory, clock.now(), subnetsFrom);
    if ('problem' in memory || problem !== undefined) {
      logger.warn(`${file.name}: the store is silent, and what was remembered of it is not used: ${problem}`);
      return;
    }
    const [count, at] = [memory.leases.length, new Date(memory.at).toISOString()];
    logger.warn(`the store is silent: going on with what was remembered of it, ${count} leases as of ${at}`);
    this.#memory = memory;
    this.#recalls.next(memory);
  }
}
