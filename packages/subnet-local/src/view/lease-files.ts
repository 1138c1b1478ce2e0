import type { Clock } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { JunkLog } from '@overlay/core/store';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseBook } from './lease-book.js';

/** Files that people keep beside leases and that are no mistake. */
const WELCOME = new Set(['net-conf.json', 'lost+found']);
/** A file that vanished is believed to be gone after this time: its host may be writing it again. */
export const VANISHED_MS = 250;
/** No file that vanished is believed in for longer than this while further ones vanish. */
const LONGEST_DOUBT_MS = 1000;

/**
 * Takes files into the book one by one, in favour of peers: what cannot be read leaves what was read before, and what
 * is not there is looked for once more before it is given up. Files that vanish one after the other are given up
 * together, so that whoever is told sees how many they are: a directory that is emptied must not look like one host
 * that left, and then another one.
 */
export class LeaseFiles {
  readonly #vanished = new Set<string>();
  #firstVanishedAt = 0;
  #cancelDecision: (() => void) | undefined;

  /** @param onDecided called when files that had vanished were looked for again and the book knows how it ended */
  constructor(
    private readonly directory: LeaseDirectory,
    private readonly book: LeaseBook,
    private readonly junk: JunkLog,
    private readonly clock: Clock,
    private readonly onDecided: () => void,
  ) {}

  /** @param decided whether a file that is not there is given up at once */
  look(name: string, decided = false): void {
    if (name.startsWith('.')) return;
    const known = this.book.get(name);
    const reading = this.directory.read(name, known);
    if (reading.kind !== 'absent' || decided) this.#settle(name);
    switch (reading.kind) {
      case 'lease':
        this.book.set(reading.record);
        this.junk.clear(name);
        return;
      case 'absent':
        this.junk.clear(name);
        if (decided) this.book.delete(name);
        else if (known !== undefined) this.#doubt(name);
        return;
      case 'junk':
        this.#junk(name, reading.why, known !== undefined);
        return;
      case 'trouble':
        this.#junk(name, errorText(reading.error), known !== undefined);
    }
  }

  #junk(name: string, why: string, known: boolean): void {
    if (!WELCOME.has(name)) this.junk.junk(name, why, known);
  }

  close(): void {
    this.#vanished.clear();
    this.#cancelDecision?.();
  }

  #settle(name: string): void {
    if (this.#vanished.delete(name) && this.#vanished.size === 0) this.#cancelDecision?.();
  }

  #doubt(name: string): void {
    if (this.#vanished.has(name)) return;
    const now = this.clock.now();
    if (this.#vanished.size === 0) this.#firstVanishedAt = now;
    this.#vanished.add(name);
    this.#cancelDecision?.();
    const wait = Math.min(VANISHED_MS, this.#firstVanishedAt + LONGEST_DOUBT_MS - now);
    this.#cancelDecision = this.clock.after(Math.max(wait, 0), () => this.#decide());
  }

  #decide(): void {
    const names = [...this.#vanished];
    this.#vanished.clear();
    // With the whole directory away nothing is known of any file in it; it is looked at when it comes back.
    if (this.directory.isThere()) for (const name of names) this.look(name, true);
    this.onDecided();
  }
}
