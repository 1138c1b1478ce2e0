import type { Clock } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { JunkLog } from './junk-log.js';
import type { LeaseBook } from './lease-book.js';

/** A file that vanished is believed to be gone after this time: its host may be writing it again. */
export const VANISHED_MS = 250;

/**
 * Takes files into the book one by one, in favour of peers: what cannot be read leaves what was read before, and what
 * is not there is looked for once more before it is given up.
 */
export class LeaseFiles {
  readonly #vanished = new Map<string, () => void>();

  /** @param onDecided called when a file that had vanished was looked for again and the book knows how it ended */
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
        this.junk.report(name, reading.why, known !== undefined);
        return;
      case 'trouble':
        this.junk.report(name, errorText(reading.error), known !== undefined);
    }
  }

  close(): void {
    for (const cancel of this.#vanished.values()) cancel();
    this.#vanished.clear();
  }

  #settle(name: string): void {
    this.#vanished.get(name)?.();
    this.#vanished.delete(name);
  }

  #doubt(name: string): void {
    if (this.#vanished.has(name)) return;
    const cancel = this.clock.after(VANISHED_MS, () => {
      this.#vanished.delete(name);
      // With the whole directory away nothing is known of any file in it; it is looked at when it comes back.
      if (this.directory.isThere()) this.look(name, true);
      this.onDecided();
    });
    this.#vanished.set(name, cancel);
  }
}
