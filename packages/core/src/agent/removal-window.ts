import { losesSubnet } from '../lease-table/admission.js';
import type { LeaseTable } from '../lease-table/index.js';
import type { Lease, LeaseChange } from '../lease.js';
import type { Clock } from '../ports/clock.js';

/** Removals belong together when no more than this lies between one and the next, in milliseconds. */
const QUIET_MS = 250;

/** The longest that a removal waits for others, in milliseconds. */
const LONGEST_MS = 1_000;

/** What a {@link RemovalWindow} works with, and to whom it gives. */
export interface RemovalWindowContext {
  readonly clock: Clock;
  readonly table: LeaseTable;
  /** Takes removals that came together. */
  give(changes: readonly LeaseChange[]): void;
}

/**
 * Keeps removals back for a moment, so that those which a store tells one by one are judged as the burst that they are:
 * each by itself is too few to be doubted, and the first of them would be gone by the time that it was.
 */
export class RemovalWindow {
  readonly #context: RemovalWindowContext;
  /** The last word on each key, in the order in which they came. */
  readonly #waiting = new Map<string, LeaseChange>();
  #since = 0;
  #cancel: (() => void) | undefined;

  constructor(context: RemovalWindowContext) {
    this.#context = context;
  }

  /** Takes changes; gives those back that need not wait. */
  take(changes: readonly LeaseChange[]): readonly LeaseChange[] {
    const atOnce: LeaseChange[] = [];
    const { length } = changes;
    let waits = false;
    for (const change of changes) {
      const key = keyOf(change);
      this.#waiting.delete(key);
      if (this.#removes(key, change)) {
        this.#waiting.set(key, change);
        waits = true;
      } else {
        atOnce.push(change);
      }
    }
    if (waits) this.#wait();
    return atOnce.length === length ? changes : atOnce;
  }

  /** Forgets what waits: a snapshot has told everything anew. */
  clear(): void {
    this.#waiting.clear();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #removes(key: string, change: LeaseChange): boolean {
    const known = this.#context.table.get(key);
    if (known === undefined) return false;
    return change.type === 'delete' || losesSubnet(known, change.lease);
  }

  #wait(): void {
    const { clock } = this.#context;
    const now = clock.elapsed();
    if (this.#cancel === undefined) this.#since = now;
    this.#cancel?.();
    const waited = now - this.#since;
    this.#cancel = clock.after(Math.max(0, Math.min(QUIET_MS, LONGEST_MS - waited)), () => this.#end());
  }

  #end(): void {
    const changes = [...this.#waiting.values()];
    this.clear();
    if (changes.length > 0) this.#context.give(changes);
  }
}

/** What a store tells need not be a lease at all; the table leaves that out. */
function keyOf(change: LeaseChange): string {
  return change.type === 'delete' ? change.key : ((change.lease as Lease | undefined | null)?.key ?? '');
}
