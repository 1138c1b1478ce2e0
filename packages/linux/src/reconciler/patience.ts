import type { Entry } from './entry.js';

const MINUTE = 60_000;
/** How often an object is restored at once before its undoing counts as a quarrel. */
const FREE_RESTORES = 8;
/** How long it takes until one undoing is forgiven: what somebody undoes no oftener is restored at once for ever. */
const FORGIVEN_MS = 10_000;
const FIRST_HOLD_MS = 250;
const LONGEST_HOLD_MS = 10_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;
/** What is due within so long is due together, in milliseconds: 50,000 objects must not take as many rounds. */
const SLOT_MS = 50;

interface Quarrel {
  /** How often the object was undone since the quarrel began. */
  times: number;
  /** The same less what has been forgiven. */
  heat: number;
  last: number;
}

/** An object that the kernel refused. */
export interface Failure {
  readonly attempts: number;
  readonly error: Error;
}

/**
 * How long to wait before doing again what was refused or undone of one kind. An object that is refused is tried again for ever,
 * ever less often; one that somebody keeps undoing is restored at once a few times and then at growing distances, so
 * that two programs that disagree never fight in a loop.
 */
export class Patience {
  readonly #quarrels = new Map<Entry, Quarrel>();
  readonly #failures = new Map<Entry, Failure>();
  /** In which slot held or failed entries are due. */
  readonly #due = new Map<Entry, number>();
  /** What is due in each slot, with what was put off since. At most as many slots as fit into the longest distance. */
  readonly #slots = new Map<number, Entry[]>();

  constructor(private readonly random: () => number = Math.random) {}

  /** An applied object was undone. Gives the milliseconds to wait before it is restored; 0 means at once. */
  undone(entry: Entry, now: number): number {
    const quarrel = this.#quarrels.get(entry);
    if (!quarrel || now - quarrel.last > MINUTE) {
      this.#quarrels.set(entry, { times: 1, heat: 1, last: now });
      return 0;
    }
    quarrel.times += 1;
    quarrel.heat = Math.max(0, quarrel.heat - (now - quarrel.last) / FORGIVEN_MS) + 1;
    quarrel.last = now;
    if (quarrel.heat <= FREE_RESTORES) return 0;
    const hold = this.#jitter(Math.min(FIRST_HOLD_MS * 2 ** (quarrel.heat - FREE_RESTORES - 1), LONGEST_HOLD_MS));
    this.#putOff(entry, now + hold);
    return hold;
  }

  /** The kernel refused an object. Gives the number of refusals in a row. */
  refused(entry: Entry, error: Error, now: number): number {
    const attempts = (this.#failures.get(entry)?.attempts ?? 0) + 1;
    this.#failures.set(entry, { attempts, error });
    this.#putOff(entry, now + this.#jitter(Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS)));
    return attempts;
  }

  /** An object is as wanted: its failures are forgotten. Gives true if there were any. */
  applied(entry: Entry): boolean {
    // Asked for every object written: mostly there is nothing to forget.
    if (this.#due.size > 0) this.#due.delete(entry);
    return this.#failures.size > 0 && this.#failures.delete(entry);
  }

  /** An entry is not wanted any more. */
  forget(entry: Entry): void {
    this.#quarrels.delete(entry);
    this.#failures.delete(entry);
    this.#due.delete(entry);
  }

  failure(entry: Entry): Failure | undefined {
    return this.#failures.get(entry);
  }

  get anyFailure(): boolean {
    return this.#failures.size > 0;
  }

  failures(): Iterable<[Entry, Failure]> {
    return this.#failures;
  }

  /** How often an entry was undone lately. */
  undoneCount(entry: Entry): number {
    return this.#quarrels.get(entry)?.times ?? 0;
  }

  /** Takes out the entries that are due. */
  takeDue(now: number): Entry[] {
    const due: Entry[] = [];
    for (const [slot, entries] of this.#slots) {
      if (slot * SLOT_MS > now) continue;
      this.#slots.delete(slot);
      for (const entry of entries) {
        if (this.#due.get(entry) !== slot) continue;
        this.#due.delete(entry);
        due.push(entry);
      }
    }
    return due;
  }

  /** When the next entry is due. */
  nextDue(): number | undefined {
    if (this.#due.size === 0) {
      this.#slots.clear();
      return undefined;
    }
    return Math.min(...this.#slots.keys()) * SLOT_MS;
  }

  /** Forgets quarrels that ended more than a minute ago. */
  prune(now: number): void {
    for (const [entry, quarrel] of this.#quarrels) if (now - quarrel.last > MINUTE) this.#quarrels.delete(entry);
  }

  #putOff(entry: Entry, until: number): void {
    const slot = Math.ceil(until / SLOT_MS);
    this.#due.set(entry, slot);
    const together = this.#slots.get(slot);
    if (together) together.push(entry);
    else this.#slots.set(slot, [entry]);
  }

  #jitter(ms: number): number {
    return ms * (0.8 + 0.4 * this.random());
  }
}
