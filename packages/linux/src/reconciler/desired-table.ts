import { Entry, Status } from './entry.js';
import type { Kind, KernelObject } from './kind.js';
import type { ScopeState } from './scope-state.js';

/** A second claim on a key that another owner already has. */
interface Contender {
  readonly object: KernelObject;
  readonly scope: ScopeState;
  readonly owner: string;
}

/** An object of one kind to be removed from the kernel. */
export interface Removal {
  readonly object: KernelObject;
  readonly scope: ScopeState;
  /** When a removal that the kernel refused is tried again. */
  retryAt?: number;
  attempts?: number;
}

/** What is wanted of one kind, by the kernel's key, and what has to be done about it. Pure: no I/O, no time. */
export class DesiredTable {
  readonly entries = new Map<string, Entry>();
  /** Entries to be written in the next round. */
  readonly dirty = new Set<Entry>();
  /** Objects to be removed in the next round, by key. */
  readonly removals = new Map<string, Removal>();
  /** How many entries live on each device. */
  readonly onLink = new Map<string, number>();
  readonly #contenders = new Map<string, Contender[]>();

  constructor(readonly kind: Kind) {}

  /** Moves an entry to another status, and keeps its scope's counts. */
  mark(entry: Entry, status: Status): void {
    if (entry.status === status) return;
    this.#count(entry, -1);
    entry.status = status;
    this.#count(entry, 1);
    if (status === Status.Dirty) this.dirty.add(entry);
    else this.dirty.delete(entry);
  }

  /**
   * Wants an object for an owner. `fresh` is the status of a new entry: `Unknown` while a dump is due that will tell,
   * `Dirty` when none is. Gives the entry, or undefined if another owner's claim on the key goes first.
   */
  want(object: KernelObject, scope: ScopeState, owner: string, fresh: Status): Entry | undefined {
    const key = this.kind.key(object);
    const entry = this.entries.get(key);
    if (!entry) return this.#add(key, object, scope, owner, fresh);
    if (entry.scope === scope && entry.owner === owner) {
      if (!this.kind.same(entry.object, object)) {
        this.#setObject(entry, object);
        this.mark(entry, Status.Dirty);
      }
      return entry;
    }
    // The claim of the smallest owner wins, whatever the order of events, so that all restarts agree.
    if (before({ scope, owner }, entry)) {
      this.#contend(key, { object: entry.object, scope: entry.scope, owner: entry.owner });
      this.#take(entry, { object, scope, owner });
      return entry;
    }
    this.#contend(key, { object, scope, owner });
    return undefined;
  }

  /** No longer wants an object for an owner: it goes to another claimant, or is to be removed. */
  unwant(key: string, scope: ScopeState, owner: string): void {
    const others = this.#contenders.get(key);
    const entry = this.entries.get(key);
    if (others) {
      const rest = others.filter((other) => other.scope !== scope || other.owner !== owner);
      if (entry && entry.scope === scope && entry.owner === owner && rest.length > 0) {
        rest.sort((a, b) => (before(a, b) ? -1 : 1));
        const heir = rest.shift();
        if (heir) this.#take(entry, heir);
        this.#keepContenders(key, rest);
        return;
      }
      this.#keepContenders(key, rest);
    }
    if (!entry || entry.scope !== scope || entry.owner !== owner) return;
    this.forget(entry);
    this.remove(key, { object: entry.object, scope });
  }

  /** Drops an entry and leaves the kernel as it is. */
  forget(entry: Entry): void {
    this.#count(entry, -1);
    entry.scope.objects -= 1;
    this.entries.delete(entry.key);
    this.dirty.delete(entry);
    this.#countLink(entry.object, -1);
  }

  /** Drops what a scope wants of an entry and leaves the kernel as it is; another claimant takes it over. */
  abandon(entry: Entry): void {
    const others = this.#contenders.get(entry.key);
    if (!others) return this.forget(entry);
    const [heir, ...rest] = [...others].sort((a, b) => (before(a, b) ? -1 : 1));
    if (heir) this.#take(entry, heir);
    this.#keepContenders(entry.key, rest);
  }

  /** Whether some key is wanted more than once. */
  get contended(): boolean {
    return this.#contenders.size > 0;
  }

  /** The entry that does for an owner what it wants: its own, or that of another owner who wants the very same. */
  serving(key: string, scope: ScopeState, owner: string): Entry | undefined {
    const entry = this.entries.get(key);
    if (!entry || (entry.scope === scope && entry.owner === owner)) return entry;
    const claim = this.#contenders.get(key)?.find((other) => other.scope === scope && other.owner === owner);
    return claim && this.kind.same(entry.object, claim.object) ? entry : undefined;
  }

  /** Drops every claim of a scope that lost to another's. */
  forgetContenders(scope: ScopeState): void {
    for (const [key, others] of this.#contenders) {
      this.#keepContenders(
        key,
        others.filter((other) => other.scope !== scope),
      );
    }
  }

  /** Schedules the removal of an object that nobody wants. */
  remove(key: string, removal: Removal): void {
    if (this.removals.has(key)) return;
    this.removals.set(key, removal);
    removal.scope.removing += 1;
  }

  /** The kernel refused a removal: it stays wanted, and nobody waits for it any more. */
  removalRefused(removal: Removal, retryAt: number): void {
    if (removal.attempts === undefined) removal.scope.removing -= 1;
    removal.attempts = (removal.attempts ?? 0) + 1;
    removal.retryAt = retryAt;
  }

  /** A removal is done, or not wanted any more. */
  removed(key: string): void {
    const removal = this.removals.get(key);
    if (!removal) return;
    this.removals.delete(key);
    if (removal.attempts === undefined) removal.scope.removing -= 1;
  }

  /** Keys that two owners want differently, with those who do not have what they want. */
  *conflicts(): Iterable<{ readonly entry: Entry; readonly others: readonly Contender[] }> {
    for (const [key, contenders] of this.#contenders) {
      const entry = this.entries.get(key);
      if (!entry) continue;
      const others = contenders.filter(({ object }) => !this.kind.same(entry.object, object));
      if (others.length > 0) yield { entry, others };
    }
  }

  #add(key: string, object: KernelObject, scope: ScopeState, owner: string, fresh: Status): Entry {
    const entry = new Entry(key, object, scope, owner);
    this.entries.set(key, entry);
    scope.objects += 1;
    entry.status = fresh;
    // A removal that is under way would take the new object with it: write it after that, in any case.
    if (this.removals.has(key)) {
      this.removed(key);
      entry.status = Status.Dirty;
    }
    if (entry.status === Status.Dirty) this.dirty.add(entry);
    this.#count(entry, 1);
    this.#countLink(object, 1);
    return entry;
  }

  #take(entry: Entry, claim: Contender): void {
    const different = !this.kind.same(entry.object, claim.object);
    this.#count(entry, -1);
    entry.scope.objects -= 1;
    entry.scope = claim.scope;
    entry.owner = claim.owner;
    entry.scope.objects += 1;
    this.#count(entry, 1);
    this.#setObject(entry, claim.object);
    if (different) this.mark(entry, Status.Dirty);
  }

  #setObject(entry: Entry, object: KernelObject): void {
    this.#countLink(entry.object, -1);
    entry.object = object;
    this.#countLink(object, 1);
  }

  #contend(key: string, claim: Contender): void {
    const others = this.#contenders.get(key) ?? [];
    const rest = others.filter((other) => other.scope !== claim.scope || other.owner !== claim.owner);
    this.#contenders.set(key, [...rest, claim]);
  }

  #keepContenders(key: string, others: Contender[]): void {
    if (others.length > 0) this.#contenders.set(key, others);
    else this.#contenders.delete(key);
  }

  #count(entry: Entry, by: number): void {
    switch (entry.status) {
      case Status.Unknown:
      case Status.Dirty:
      case Status.Writing:
        entry.scope.pending += by;
        break;
      case Status.Waiting:
      case Status.Failed:
      case Status.Held:
        entry.scope.failed += by;
        break;
      case Status.Applied:
        break;
    }
  }

  #countLink(object: KernelObject, by: number): void {
    const link = this.kind.link?.(object);
    if (link === undefined) return;
    const count = (this.onLink.get(link) ?? 0) + by;
    if (count > 0) this.onLink.set(link, count);
    else this.onLink.delete(link);
  }
}

function before(
  a: { readonly scope: ScopeState; readonly owner: string },
  b: { readonly scope: ScopeState; readonly owner: string },
): boolean {
  return a.scope.name === b.scope.name ? a.owner < b.owner : a.scope.name < b.scope.name;
}
