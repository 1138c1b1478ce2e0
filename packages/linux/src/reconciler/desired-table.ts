import { Status } from './entry.js';
import type { Entry, Owner } from './entry.js';
import { EntryTable } from './entry-table.js';
import type { Kind, KernelObject } from './kind.js';
import { objectIndex } from './object-index.js';
import type { ObjectIndex } from './object-index.js';
import type { ScopeState } from './scope-state.js';

/** A second claim on a key that another owner already has. */
interface Contender {
  readonly object: KernelObject;
  readonly owner: Owner;
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
  readonly entries: EntryTable;
  readonly index: ObjectIndex<KernelObject>;
  /** Objects to be removed in the next round, by key. */
  readonly removals = new Map<string, Removal>();
  /** How many entries live on each device. */
  readonly onLink = new Map<string, number>();
  /** How many entries there are of each breadth. */
  readonly #breadths: number[] = [];
  readonly #contenders = new Map<string, Contender[]>();
  /** Entries that were marked dirty, in order; some have become something else since. */
  #dirty: Entry[] = [];
  #taken = 0;

  /** @param replaced is told of an object when another one is wanted under its key. */
  constructor(
    readonly kind: Kind,
    private readonly replaced: (object: KernelObject) => void = () => undefined,
  ) {
    this.index = objectIndex(kind);
    this.entries = new EntryTable(this.index);
  }

  /** Moves an entry to another status, and keeps its scope's counts. */
  mark(entry: Entry, status: Status): void {
    const before = this.entries.statusOf(entry);
    if (before === status) return;
    const { scope } = this.entries.ownerOf(entry);
    count(scope, before, -1);
    this.entries.setStatus(entry, status);
    count(scope, status, 1);
    if (status === Status.Dirty) this.#dirty.push(entry);
  }

  /** Marks the oldest dirty entries as being written, and gives them; none when there are no more. */
  takeDirty(limit: number): Entry[] {
    const taken: Entry[] = [];
    while (this.#taken < this.#dirty.length && taken.length < limit) {
      const entry = this.#dirty[this.#taken];
      this.#taken += 1;
      if (this.entries.statusOf(entry) !== Status.Dirty) continue;
      this.mark(entry, Status.Writing);
      taken.push(entry);
    }
    if (this.#taken === this.#dirty.length && this.#taken > 0) {
      this.#dirty = [];
      this.#taken = 0;
    }
    return taken;
  }

  /**
   * Wants an object for an owner. `fresh` is the status of a new entry: `Unknown` while a dump is due that will tell,
   * `Dirty` when none is. Gives the entry, or undefined if another owner's claim on the key goes first.
   */
  want(object: KernelObject, owner: Owner, fresh: Status): Entry | undefined {
    const hash = this.index.hash(object);
    const entry = this.entries.find(object, hash);
    if (entry === undefined) return this.#add(object, owner, fresh, hash);
    const holder = this.entries.ownerOf(entry);
    if (holder === owner) {
      this.#setObject(entry, object);
      return entry;
    }
    // The claim of the smallest owner wins, whatever the order of events, so that all restarts agree.
    const key = this.kind.key(object);
    if (before(owner, holder)) {
      this.#contend(key, { object: this.entries.objectOf(entry), owner: holder });
      this.#take(entry, { object, owner });
      return entry;
    }
    this.#contend(key, { object, owner });
    return undefined;
  }

  /** No longer wants an object for an owner: it goes to another claimant, or is to be removed. */
  unwant(object: KernelObject, owner: Owner): void {
    const entry = this.entries.find(object);
    if (this.#contenders.size > 0 && this.#unwantContended(this.kind.key(object), owner, entry)) return;
    if (entry === undefined || this.entries.ownerOf(entry) !== owner) return;
    const wanted = this.entries.objectOf(entry);
    this.forget(entry);
    this.remove(this.kind.key(object), { object: wanted, scope: owner.scope });
  }

  /** Drops an entry and leaves the kernel as it is. */
  forget(entry: Entry): void {
    const { scope } = this.entries.ownerOf(entry);
    count(scope, this.entries.statusOf(entry), -1);
    scope.objects -= 1;
    const object = this.entries.objectOf(entry);
    this.#countLink(object, -1);
    this.#countBreadth(object, -1);
    this.entries.delete(entry);
  }

  /** Drops what a scope wants of an entry and leaves the kernel as it is; another claimant takes it over. */
  abandon(entry: Entry): void {
    const key = this.#contenders.size > 0 ? this.kind.key(this.entries.objectOf(entry)) : '';
    const others = this.#contenders.get(key);
    if (!others) return this.forget(entry);
    const [heir, ...rest] = [...others].sort((a, b) => (before(a.owner, b.owner) ? -1 : 1));
    if (heir) this.#take(entry, heir);
    this.#keepContenders(key, rest);
  }

  /** The breadths that entries have. */
  get breadths(): readonly number[] {
    return [...this.#breadths.keys()].filter((breadth) => (this.#breadths[breadth] ?? 0) > 0);
  }

  /** Whether some key is wanted more than once. */
  get contended(): boolean {
    return this.#contenders.size > 0;
  }

  /** Whether something is to be written. */
  get isDirty(): boolean {
    return this.#taken < this.#dirty.length;
  }

  /** The entry that does for an owner what it wants: its own, or that of another owner who wants the very same. */
  serving(object: KernelObject, owner: Owner): Entry | undefined {
    const entry = this.entries.find(object);
    if (entry === undefined || this.entries.ownerOf(entry) === owner) return entry;
    const claim = this.#contenders.get(this.kind.key(object))?.find((other) => other.owner === owner);
    return claim && this.kind.same(this.entries.objectOf(entry), claim.object) ? entry : undefined;
  }

  /** Drops every claim of a scope that lost to another's. */
  forgetContenders(scope: ScopeState): void {
    for (const [key, others] of this.#contenders) {
      this.#keepContenders(
        key,
        others.filter((other) => other.owner.scope !== scope),
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

  /** Keys that two owners want differently: who has what it wants, and those who do not. */
  *conflicts(): Iterable<{ readonly holder: Contender; readonly others: readonly Contender[] }> {
    for (const contenders of this.#contenders.values()) {
      const entry = contenders[0] && this.entries.find(contenders[0].object);
      if (entry === undefined) continue;
      const holder = { object: this.entries.objectOf(entry), owner: this.entries.ownerOf(entry) };
      const others = contenders.filter(({ object }) => !this.kind.same(holder.object, object));
      if (others.length > 0) yield { holder, others };
    }
  }

  #add(object: KernelObject, owner: Owner, fresh: Status, hash: number): Entry {
    const status = this.#overtakesRemoval(object) ? Status.Dirty : fresh;
    const entry = this.entries.add(object, owner, status, hash);
    owner.scope.objects += 1;
    if (status === Status.Dirty) this.#dirty.push(entry);
    count(owner.scope, status, 1);
    this.#countLink(object, 1);
    this.#countBreadth(object, 1);
    return entry;
  }

  /** A removal that is under way would take a new object with it: then that is written in any case, after it. */
  #overtakesRemoval(object: KernelObject): boolean {
    if (this.removals.size === 0) return false;
    const key = this.kind.key(object);
    if (!this.removals.has(key)) return false;
    this.removed(key);
    return true;
  }

  #take(entry: Entry, { object, owner }: Contender): void {
    const status = this.entries.statusOf(entry);
    const { scope } = this.entries.ownerOf(entry);
    count(scope, status, -1);
    scope.objects -= 1;
    this.entries.setOwner(entry, owner);
    owner.scope.objects += 1;
    count(owner.scope, status, 1);
    this.#setObject(entry, object);
  }

  /** True if others contended for the key, and nothing more is to be done. */
  #unwantContended(key: string, owner: Owner, entry: Entry | undefined): boolean {
    const others = this.#contenders.get(key);
    if (!others) return false;
    const rest = others.filter((other) => other.owner !== owner);
    if (entry !== undefined && this.entries.ownerOf(entry) === owner && rest.length > 0) {
      rest.sort((a, b) => (before(a.owner, b.owner) ? -1 : 1));
      const heir = rest.shift();
      if (heir) this.#take(entry, heir);
      this.#keepContenders(key, rest);
      return true;
    }
    this.#keepContenders(key, rest);
    return false;
  }

  #setObject(entry: Entry, object: KernelObject): void {
    const old = this.entries.objectOf(entry);
    if (old === object) return;
    this.entries.setObject(entry, object);
    // Even one that asks for the same takes the old one's place, so that the old one can be collected.
    if (this.kind.same(old, object)) return;
    this.#countLink(old, -1);
    this.#countLink(object, 1);
    this.replaced(old);
    this.mark(entry, Status.Dirty);
  }

  #contend(key: string, claim: Contender): void {
    const others = this.#contenders.get(key) ?? [];
    const rest = others.filter((other) => other.owner !== claim.owner);
    this.#contenders.set(key, [...rest, claim]);
  }

  #keepContenders(key: string, others: Contender[]): void {
    if (others.length > 0) this.#contenders.set(key, others);
    else this.#contenders.delete(key);
  }

  #countBreadth(object: KernelObject, by: number): void {
    const breadth = this.kind.breadth?.(object);
    if (breadth !== undefined) this.#breadths[breadth] = (this.#breadths[breadth] ?? 0) + by;
  }

  #countLink(object: KernelObject, by: number): void {
    const link = this.kind.link?.(object);
    if (link === undefined) return;
    const total = (this.onLink.get(link) ?? 0) + by;
    if (total > 0) this.onLink.set(link, total);
    else this.onLink.delete(link);
  }
}

function count(scope: ScopeState, status: Status, by: number): void {
  switch (status) {
    case Status.Unknown:
    case Status.Dirty:
    case Status.Writing:
      scope.pending += by;
      break;
    case Status.Waiting:
    case Status.Failed:
    case Status.Held:
    case Status.Taken:
      scope.failed += by;
      break;
    case Status.Applied:
    case Status.Gone:
      break;
  }
}

function before(a: Owner, b: Owner): boolean {
  return a.scope.name === b.scope.name ? a.name < b.name : a.scope.name < b.scope.name;
}
