import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, LeaseEvent, Logger } from '@overlay/core';
import { errorCode, errorText, OverlayError } from '@overlay/core';
import { JunkLog, wait } from '@overlay/core/store';
import { Subject } from 'rxjs';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseRecord } from '../directory/lease-record.js';
import { clearLeftovers } from '../directory/leftovers.js';
import { DirectoryWatch } from './directory-watch.js';
import { LeaseBook } from './lease-book.js';
import { LeaseFiles, VANISHED_MS } from './lease-files.js';

export interface LeaseViewOptions {
  readonly directory: LeaseDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds between two looks at everything. */
  readonly pollMs: number;
  /** Milliseconds that a lease which has ended is still believed in. */
  readonly graceMs: number;
  /** Told of leases that ended longer than the grace time ago and are still in the directory. */
  readonly onOver: (records: readonly LeaseRecord[]) => void;
}

/** Files that are read in one go, so that nothing else of the process waits longer than some milliseconds. */
const SLICE = 200;
const LONGEST_TIMER_MS = 24 * 3_600_000;

/** Follows the directory and tells what peers have to know of it. One reader at a time, woken by the watch. */
export class LeaseView {
  /** A snapshot first, then changes, a snapshot after any gap. */
  readonly events = new Subject<LeaseEvent>();
  /** The name of a file that was looked at, or undefined when all were: also where peers learn nothing from it. */
  readonly looked = new Subject<string | undefined>();

  readonly #options: LeaseViewOptions;
  readonly #watch: DirectoryWatch;
  readonly #book: LeaseBook;
  readonly #junk: JunkLog;
  readonly #files: LeaseFiles;
  readonly #closing = new AbortController();

  #touched = new Set<string>();
  #wantsAll = false;
  #wantsSnapshot = false;
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #running: Promise<void> | undefined;
  #started = false;
  #ready = false;
  #away: string | undefined;
  #retryMs = 50;
  #confirmedAt: number | undefined;
  #cancelExpiry: (() => void) | undefined;
  #expiryScheduled: number | undefined;

  constructor(options: LeaseViewOptions) {
    this.#options = options;
    this.#book = new LeaseBook(options.graceMs);
    this.#junk = new JunkLog({ logger: options.logger, store: options.directory.path, things: 'files' });
    this.#files = new LeaseFiles(options.directory, this.#book, this.#junk, options.clock, () => this.#onDecided());
    this.#watch = new DirectoryWatch(options.directory, options.clock, options.pollMs, {
      touched: (name) => this.#onTouched(name),
      unsure: () => this.#look(),
      degraded: (problem) => this.#onDegraded(problem),
    });
  }

  /** Begins to follow the directory; before that nothing is watched and no timer runs. */
  start(): void {
    if (this.#started || this.#closing.signal.aborted) return;
    this.#started = true;
    this.#look();
  }

  /** Whether there is a snapshot to begin with. */
  get ready(): boolean {
    return this.#ready;
  }

  get confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  snapshot(): LeaseEvent {
    return { type: 'snapshot', leases: this.#book.told() };
  }

  records(): Iterable<LeaseRecord> {
    return this.#book.records();
  }

  /** Asks for a new snapshot, read from the directory. */
  resync(): void {
    this.start();
    this.#wantsSnapshot = true;
    this.#look();
  }

  /**
   * Resolves when everything has been looked at once more.
   *
   * @throws system errors of reading the directory; OverlayError `OVERLAY_CLOSED`
   */
  refresh(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedError());
    this.#started = true;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#look();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#watch.close();
    this.#cancelExpiry?.();
    this.#files.close();
    await this.#running;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#closedError());
    this.events.complete();
    this.looked.complete();
  }

  #look(): void {
    this.#wantsAll = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // Somebody may have asked between the last round and now.
      if (this.#hasWork()) this.#wake();
    });
  }

  #hasWork(): boolean {
    return !this.#closing.signal.aborted && (this.#wantsAll || this.#touched.size > 0);
  }

  async #run(): Promise<void> {
    while (this.#hasWork()) {
      if (this.#wantsAll) await this.#lookAtAll();
      else this.#lookAtTouched();
    }
  }

  #closedError(): OverlayError {
    return new OverlayError('OVERLAY_CLOSED', `reading leases in ${this.#options.directory.path}: closed`);
  }

  #lookAtTouched(): void {
    const names = this.#touched;
    this.#touched = new Set();
    for (const name of names) {
      this.#files.look(name);
      this.looked.next(name);
    }
    if (this.#away !== undefined) return;
    this.#confirmedAt = this.#options.clock.now();
    this.#tell(false);
  }

  async #lookAtAll(): Promise<void> {
    this.#wantsAll = false;
    const waiters = this.#waiters.splice(0);
    const { clock } = this.#options;
    const startedAt = clock.now();
    try {
      const missed = await this.#scan();
      this.#onAway(undefined);
      this.#confirmedAt = startedAt;
      this.#tell(missed || !this.#ready, true);
      // Looking takes 2 % of the time at most.
      this.#watch.pollAgain(50 * (clock.now() - startedAt));
      for (const waiter of waiters) waiter.resolve();
    } catch (error) {
      if (!this.#closing.signal.aborted) {
        this.#onAway(errorText(error));
        this.#watch.retry(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, 1000);
      }
      for (const waiter of waiters) waiter.reject(this.#closing.signal.aborted ? this.#closedError() : error);
    }
    this.looked.next(undefined);
  }

  /** Reads the whole directory. True when something was found, or may have been missed, that no notification told. */
  async #scan(): Promise<boolean> {
    const { directory, clock } = this.#options;
    const signal = this.#closing.signal;
    let names: string[];
    let gap: boolean;
    try {
      gap = this.#watch.attach();
      names = directory.names();
    } catch (error) {
      // One that has never been there holds no leases. One that was there comes back.
      if (this.#ready || errorCode(error) !== 'ENOENT') throw error;
      return true;
    }
    clearLeftovers(directory, names, clock.now());
    this.#touched.clear();
    const present = new Set(names);
    for (let at = 0; at < names.length; at += SLICE) {
      if (at > 0) await nextTurn(undefined, { signal });
      for (const name of names.slice(at, at + SLICE)) this.#files.look(name);
    }
    const vanished = [...this.#book.names()].filter((name) => !present.has(name));
    if (vanished.length > 0) {
      await wait(clock, VANISHED_MS, `reading leases in ${directory.path}`, signal);
      for (const name of vanished) this.#files.look(name, true);
    }
    this.#junk.keepOnly(present);
    return gap;
  }

  #tell(gap: boolean, all = false): void {
    // Whoever subscribes gets a snapshot first.
    if (!gap && !this.#ready) return;
    const now = this.#options.clock.now();
    // What could not be removed is tried again at each look at everything.
    if (all || now >= this.#book.nextDue) {
      const over = this.#book.expire(now);
      if (over.length > 0) this.#options.onOver(over);
    }
    this.#scheduleExpiry(now);
    const changes = this.#book.takeChanges(now);
    if (gap || this.#wantsSnapshot) {
      this.#wantsSnapshot = false;
      this.#ready = true;
      this.events.next(this.snapshot());
    } else if (changes.length > 0) {
      this.events.next({ type: 'changes', changes });
    }
  }

  #scheduleExpiry(now: number): void {
    const due = this.#book.nextDue;
    if (due === this.#expiryScheduled) return;
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
    this.#expiryScheduled = due;
    if (due === Infinity || this.#closing.signal.aborted) return;
    this.#cancelExpiry = this.#options.clock.after(Math.min(Math.max(due - now, 0), LONGEST_TIMER_MS), () => {
      this.#expiryScheduled = undefined;
      this.#tell(false);
    });
  }

  #onDecided(): void {
    if (this.#options.directory.isThere()) this.#tell(false);
    else this.#look();
  }

  #onTouched(name: string): void {
    if (name.startsWith('.')) return;
    this.#touched.add(name);
    this.#wake();
  }

  #onDegraded(problem: string | undefined): void {
    const { directory, logger } = this.#options;
    if (problem === undefined) logger.info(`${directory.path}: changes are notified by the kernel`);
    else logger.warn(`${directory.path}: no notifications of the kernel (${problem}); looking once a second instead`);
  }

  #onAway(problem: string | undefined): void {
    const { directory, logger } = this.#options;
    if (problem === undefined) {
      this.#retryMs = 50;
      if (this.#away !== undefined) logger.info(`${directory.path}: the leases can be read again`);
    } else if (problem !== this.#away) {
      logger.warn(`${directory.path}: the leases cannot be read: ${problem}; what is known of them stays`);
    }
    this.#away = problem;
  }
}
