import { errorText } from '../errors.js';
import type { Lease, LeaseEvent } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { Backoff } from '../wait.js';
import type { Entry, Owner } from './journal.js';
import { JournalWriter } from './journal.js';
import type { MemoryFile } from './memory-file.js';

export interface RecorderOptions {
  readonly owner: Owner;
  readonly file: MemoryFile;
  readonly clock: Clock;
  readonly logger: Logger;
  /** All leases as they are now. Rejects when aborted. */
  readonly snapshot: (signal: AbortSignal) => Promise<readonly Lease[]>;
  /** When the store was last known to say what it said, in milliseconds since the Unix epoch. */
  readonly confirmedAt: () => number | undefined;
}

/** How long changes are gathered before they are written; up to the longest while more keep coming, as at a cluster's start. */
const GATHER_MS = 1_000;
const LONGEST_GATHER_MS = 8_000;
/** After the start others are busy. Nothing is lost before: the memory of the last run is still there. */
const SETTLE_MS = 3_000;
/** How often it is written that everything is still so. */
const CONFIRM_MS = 600_000;
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** Additions are as long as what they were added to, and this, before everything is written anew. */
const ADDED_ANYWAY = 256 * 1024;
/** Lines that are made between two turns of other work: less than a millisecond's, since routes may wait meanwhile. */
const PART = 32;

/**
 * Writes down what the store says: everything once after the start, then what changes, and everything again when that has
 * become as long. Nothing is held for this but the changes of some seconds. What cannot be written is told once and tried again.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #writer = new JournalWriter();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  readonly #ending = new AbortController();
  #netConf: NetConf | undefined;
  #own: Lease | undefined;
  #hasSnapshot = false;
  /** What is not written yet, by key. */
  #changes = new Map<string, Lease | undefined>();
  #configChanged = false;
  #ownChanged = false;
  /** Nothing can be added to what there is. */
  #everything = true;
  #length = 0;
  #added = 0;
  #recordedAt: number | undefined;
  #gatherMs = GATHER_MS;
  /** When something was written last. */
  #writtenAt = -Infinity;
  #cancelTimer: (() => void) | undefined;
  #due = Infinity;
  #writing: Promise<void> | undefined;
  /** The last attempt failed. */
  #trouble = false;
  #warned = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The store has this configuration. */
  configured(netConf: NetConf): void {
    this.#netConf = netConf;
    this.#configChanged = true;
    this.#soon();
  }

  /** The store has confirmed this lease of the host. */
  holds(own: Lease): void {
    this.#own = own;
    this.#ownChanged = true;
    this.#soon();
  }

  /** The store has told this of all leases. */
  take(event: LeaseEvent): void {
    if (event.type === 'snapshot') {
      this.#hasSnapshot = true;
      this.#everything = true;
      this.#changes.clear();
    } else if (!this.#everything) {
      for (const change of event.changes) {
        if (change.type === 'set') this.#changes.set(change.lease.key, change.lease);
        else this.#changes.set(change.key, undefined);
      }
    }
    this.#soon();
  }

  /** Writes what is not written yet, unless the signal is given before, and stops. */
  async close(signal: AbortSignal): Promise<void> {
    this.#cancelTimer?.();
    this.#due = -Infinity;
    const abort = (): void => this.#ending.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#writing;
      // Everything would take too long; what is there is of a moment ago.
      if (!this.#everything && !this.#trouble) await this.#write();
    } finally {
      signal.removeEventListener('abort', abort);
      abort();
    }
  }

  #soon(): void {
    this.#at(this.#everything ? SETTLE_MS : this.#gatherMs);
  }

  #at(ms: number): void {
    if (this.#trouble || this.#writing !== undefined) return;
    const { clock } = this.#options;
    const due = clock.elapsed() + ms;
    if (due >= this.#due) return;
    this.#schedule(due, ms);
  }

  #schedule(due: number, ms: number): void {
    this.#cancelTimer?.();
    this.#due = due;
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#due = Infinity;
      if (this.#isComplete()) void this.#write();
    });
  }

  #isComplete(): boolean {
    return this.#hasSnapshot && this.#netConf !== undefined && this.#own !== undefined;
  }

  #write(): Promise<void> {
    this.#trouble = false;
    this.#writing ??= this.#attempt().finally(() => {
      this.#writing = undefined;
      const { clock } = this.#options;
      if (this.#due === -Infinity || this.#ending.signal.aborted) return;
      const ms = this.#trouble ? this.#backoff.next() : this.#isDirty() ? this.#gatherMs : CONFIRM_MS;
      this.#schedule(clock.elapsed() + ms, ms);
    });
    return this.#writing;
  }

  async #attempt(): Promise<void> {
    const { file, logger } = this.#options;
    try {
      if (this.#everything || this.#added > this.#length + ADDED_ANYWAY) await this.#replace();
      else await this.#append();
      this.#backoff.reset();
    } catch (error) {
      // What is in the file by now is unknown.
      this.#everything = true;
      this.#trouble = true;
      if (this.#ending.signal.aborted) return;
      if (!this.#warned) logger.warn(`${file.name}: what the store says cannot be written down: ${errorText(error)}`);
      this.#warned = true;
      return;
    }
    if (this.#warned) logger.info(`${file.name}: what the store says is written down again`);
    this.#warned = false;
    this.#recordedAt = this.#options.confirmedAt();
  }

  #isDirty(): boolean {
    return this.#everything || this.#configChanged || this.#ownChanged || this.#changes.size > 0;
  }

  async #replace(): Promise<void> {
    const { file, snapshot } = this.#options;
    const { signal } = this.#ending;
    // From here on changes are noted; whether the snapshot has one already makes no difference.
    this.#everything = false;
    this.#changes.clear();
    const leases = await snapshot(signal);
    this.#length = this.#added = 0;
    await file.replace(this.#parts(leases), { signal });
  }

  *#parts(leases: readonly Lease[]): IterableIterator<string> {
    yield this.#writer.begin(this.#options.owner);
    const entries = [...this.#ownEntries(), ...leases.map((lease): Entry => ({ type: 'set', lease }))];
    for (const text of this.#texts(entries)) {
      this.#length += text.length;
      yield text;
    }
    yield this.#writer.write(this.#confirmation());
  }

  async #append(): Promise<void> {
    const { file, confirmedAt } = this.#options;
    if (!this.#isDirty() && this.#recordedAt === confirmedAt()) return;
    const entries: Entry[] = [...(this.#configChanged || this.#ownChanged ? this.#ownEntries() : [])];
    for (const [key, lease] of this.#changes) entries.push(lease ? { type: 'set', lease } : { type: 'delete', key });
    entries.push(this.#confirmation());
    this.#changes = new Map();
    this.#pace();
    await file.append(this.#addition(entries), { signal: this.#ending.signal });
  }

  *#addition(entries: readonly Entry[]): IterableIterator<string> {
    for (const text of this.#texts(entries)) {
      this.#added += text.length;
      yield text;
    }
  }

  /** Writes that follow each other become rarer, up to a limit; a change after some rest is written soon. */
  #pace(): void {
    const now = this.#options.clock.elapsed();
    const rested = now - this.#writtenAt > 2 * this.#gatherMs;
    this.#gatherMs = rested ? GATHER_MS : Math.min(2 * this.#gatherMs, LONGEST_GATHER_MS);
    this.#writtenAt = now;
  }

  #ownEntries(): Entry[] {
    const [netConf, lease] = [this.#netConf, this.#own];
    this.#configChanged = this.#ownChanged = false;
    return [
      ...(netConf ? [{ type: 'config', netConf } as const] : []),
      ...(lease ? [{ type: 'own', lease } as const] : []),
    ];
  }

  #confirmation(): Entry {
    return { type: 'confirmed', at: this.#options.confirmedAt() ?? this.#options.clock.now() };
  }

  *#texts(entries: readonly Entry[]): IterableIterator<string> {
    for (let at = 0; at < entries.length; at += PART) {
      let text = '';
      for (const entry of entries.slice(at, at + PART)) text += this.#writer.write(entry);
      yield text;
    }
  }
}
