import { errorCode, errorText } from '@overlay/core';
import type { Clock, Logger } from '@overlay/core';
import { DesiredTable } from './desired-table.js';
import { earliest } from './earliest.js';
import { Echoes } from './echoes.js';
import { isPending, Status } from './entry.js';
import type { Entry, Owner } from './entry.js';
import type { DumpFilter, Kind, KindSink, KernelObject, Sighting } from './kind.js';
import { KindTrouble } from './kind-trouble.js';
import { Patience } from './patience.js';
import type { Restraint } from './restraint.js';
import { ReadAhead } from './read-ahead.js';
import { ReadSighting } from './read-sighting.js';
import type { ScopeState } from './scope-state.js';
import { Shadows } from './shadows.js';
import { LEFT, Strays } from './strays.js';
import type { Claim } from './strays.js';
import { BATCH, Sweeper } from './sweeper.js';

/** Beyond this many suspect devices one full dump is cheaper than one for each. */
const MANY_LINKS = 8;

/** The outcomes that mean waiting for the device. */
const LINK_CODES: ReadonlySet<unknown> = new Set(['OVERLAY_LINK_MISSING', 'OVERLAY_LINK_DOWN']);

/** What one worker shares with the others. */
export interface WorkerContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends whatever waits for the kernel. */
  readonly signal: AbortSignal;
  /** Whether to say that something keeps being undone. */
  readonly restraint: Restraint;
  /** Asks for another round. */
  wake(): void;
  /** Counts objects written or removed. */
  wrote(kind: string, count: number): void;
}

/** Brings one kind of object to what is wanted: reads, compares, writes the difference, listens. */
export class KindWorker {
  readonly table: DesiredTable;
  readonly patience = new Patience();
  readonly trouble = new KindTrouble();
  readonly shadows: Shadows;
  readonly #suspects = new Set<string>();
  readonly strays: Strays;
  readonly #sweeper: Sweeper;
  readonly #echoes: Echoes | undefined;
  #readAll = true;
  #reading = false;
  /** What was asked for in the midst of a read: it may have passed what there is to see. */
  #readAgain = false;
  /** A read of everything that is under way before its round. */
  #ahead: ReadAhead | undefined;
  #dumps = 0;
  /** The number of the last read of everything that came to its end. */
  #lastWhole = Infinity;
  /** Who waits for everything to be judged by a claim. */
  #judged: (() => void)[] = [];
  #failing = false;
  #unwatch: (() => void) | undefined;

  constructor(
    readonly kind: Kind,
    private readonly context: WorkerContext,
  ) {
    const echoes = (this.#echoes = kind.echoes ? new Echoes(kind) : undefined);
    this.table = new DesiredTable(kind, (old) => echoes?.superseded(kind.key(old), old, context.clock.elapsed()));
    this.shadows = new Shadows(this.table, context.logger, context.clock, (entry) => this.#freed(entry));
    this.#sweeper = new Sweeper(kind, { table: this.table, echoes, ...context });
    this.strays = new Strays(context.clock, () => this.readAll());
  }

  /** Wants an object. Whether it must be written is found out by the next read, if one is due, else it is written. */
  want(object: KernelObject, owner: Owner): void {
    this.#watch();
    if (this.#readAll && this.kind.scan && !this.#reading) this.#ahead ??= this.#readAhead();
    this.table.want(object, owner, this.#readAll ? Status.Unknown : Status.Dirty);
  }

  unwant(object: KernelObject, owner: Owner): void {
    const entry = this.table.entries.find(object);
    this.table.unwant(object, owner);
    if (entry !== undefined) this.#forgetIfGone(entry);
  }

  /** Whether two objects of this kind have the same key. */
  sameKey(a: KernelObject, b: KernelObject): boolean {
    return this.table.index.sameKey(a, b);
  }

  /** Drops all that a scope wants and leaves the kernel as it is. */
  abandon(scope: ScopeState): void {
    this.strays.forget(scope);
    this.table.forgetContenders(scope);
    for (const entry of this.table.entries) {
      if (this.table.entries.ownerOf(entry).scope !== scope) continue;
      this.table.abandon(entry);
      this.#forgetIfGone(entry);
    }
    for (const [key, removal] of this.table.removals) if (removal.scope === scope) this.table.removed(key);
  }

  /** Takes what a claim recognises for ours, from the next read on, which is due at once; calls when that has ended. */
  claim(scope: ScopeState, claim: Claim, judged?: () => void): void {
    this.#watch();
    this.strays.claim(scope, claim);
    if (judged) this.#judged.push(judged);
    // A read that has judged nothing yet will judge by this claim too.
    if (this.#ahead && !this.#ahead.told) this.context.wake();
    else this.readAll();
  }

  /** What a scope wants and the last read of everything, or one since then, came upon. */
  *seen(scope: ScopeState): Iterable<KernelObject> {
    const { entries } = this.table;
    for (const entry of entries) {
      if (entries.ownerOf(entry).scope !== scope || !entries.wasSeenSince(entry, this.#lastWhole)) continue;
      yield entries.objectOf(entry);
    }
  }

  /** Reads everything in the next round. */
  readAll(): void {
    this.doubtAll();
    this.context.wake();
  }

  /** Reads everything as soon as there is another round. */
  doubtAll(): void {
    this.#readAll = true;
    this.#readAgain = this.#reading;
    this.#dropAhead();
  }

  get needed(): boolean {
    return this.table.entries.size > 0 || this.strays.claimed;
  }

  /** Whether something has to be read before it is known what differs. */
  get inDoubt(): boolean {
    return this.needed && (this.#readAll || this.#suspects.size > 0);
  }

  /** Finds out what is there, as far as that is in doubt. */
  async read(signal: AbortSignal): Promise<void> {
    if (!this.inDoubt) {
      // Begun for what is not wanted any more.
      this.#dropAhead();
      return;
    }
    const all = this.#readAll || this.#suspects.size > MANY_LINKS;
    const links = [...this.#suspects];
    this.#suspects.clear();
    this.#reading = true;
    this.#readAgain = false;
    try {
      if (all) await this.#readPart(undefined, signal);
      else for (const link of links) await this.#readPart(link, signal);
      if (all) this.#readAll = this.#readAgain;
      if (all && !this.#readAll) for (const judged of this.#judged.splice(0)) judged();
    } catch (error) {
      for (const link of links) this.#suspects.add(link);
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  /** Writes what differs: one batch of it. */
  async write(signal: AbortSignal): Promise<void> {
    const { entries } = this.table;
    const batch = this.table.takeDirty(BATCH).filter((entry) => !this.#isTaken(entry));
    if (batch.length === 0) return;
    const objects = batch.map((entry) => entries.objectOf(entry));
    let outcomes;
    try {
      outcomes = await this.kind.put(objects, signal);
    } catch (error) {
      for (const entry of batch) if (entries.statusOf(entry) === Status.Writing) this.table.mark(entry, Status.Dirty);
      throw error;
    }
    this.context.wrote(this.kind.name, batch.length);
    batch.forEach((entry, i) => this.#written(entry, outcomes[i]));
    if (this.#failing && !this.patience.anyFailure) {
      this.#failing = false;
      this.context.logger.info(`${this.kind.name}: every object is in the kernel again`);
    }
  }

  /** Removes what nobody wants any more. */
  sweep(signal: AbortSignal): Promise<void> {
    return this.#sweeper.sweep(signal);
  }

  /** Whether a scope wants something of this kind, has something of it to be removed, or claims some. */
  serves(scope: ScopeState): boolean {
    const { entries, removals } = this.table;
    if (this.strays.isClaimedBy(scope)) return true;
    for (const entry of entries) if (entries.ownerOf(entry).scope === scope) return true;
    for (const removal of removals.values()) if (removal.scope === scope) return true;
    return false;
  }

  /** How much of what a scope wants has not been tried yet. */
  openOf(scope: ScopeState): number {
    const { entries, removals } = this.table;
    let open = 0;
    entries.forEach((entry) => {
      if (isPending(entries.statusOf(entry)) && entries.ownerOf(entry).scope === scope) open += 1;
    });
    for (const removal of removals.values()) if (removal.scope === scope && removal.attempts === undefined) open += 1;
    return open;
  }

  /** When what was refused, or is held, is due. */
  nextDue(): number | undefined {
    return earliest(this.patience.nextDue(), this.#sweeper.nextDue());
  }

  /** Takes up again what has waited long enough. */
  retryDue(now: number): void {
    for (const entry of this.patience.takeDue(now)) this.table.mark(entry, Status.Dirty);
  }

  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.strays.close();
  }

  #watch(): void {
    this.#unwatch ??= this.kind.watch?.(this.#sink) ?? ((): void => undefined);
  }

  readonly #sink: KindSink<KernelObject> = {
    changed: (actual) => this.#heard(actual, true),
    deleted: (actual) => this.#heard(actual, false),
    suspect: (link) => {
      if ((this.table.onLink.get(link) ?? 0) === 0 && !this.shadows.areOn(link)) return;
      this.#suspects.add(link);
      this.context.wake();
    },
    linkGone: (link) => {
      this.shadows.linkGone(link);
      this.#eachOnLink(link, (entry) => {
        this.patience.applied(entry);
        this.table.mark(entry, Status.Waiting);
      });
      for (const [key, removal] of this.table.removals) {
        if (this.kind.link?.(removal.object) === link) this.table.removed(key);
      }
      this.context.wake();
    },
    linkAppeared: (link) => {
      this.#eachOnLink(link, (entry) => {
        if (this.table.entries.statusOf(entry) !== Status.Unknown) this.table.mark(entry, Status.Dirty);
      });
      this.context.wake();
    },
    lost: () => this.readAll(),
  };

  #eachOnLink(link: string, action: (entry: Entry) => void): void {
    if ((this.table.onLink.get(link) ?? 0) === 0) return;
    const { entries } = this.table;
    for (const entry of entries) if (this.kind.link?.(entries.objectOf(entry)) === link) action(entry);
  }

  /** Begins to read everything. */
  #readAhead(): ReadAhead {
    this.shadows.beginRead();
    const dump = (this.#dumps += 1);
    const filter = { wanted: () => this.#wantedObjects() };
    return new ReadAhead(
      dump,
      (each) => this.#look(filter, each, this.context.signal),
      (sighting) => this.#found(sighting, dump),
    );
  }

  #dropAhead(): void {
    this.#ahead?.abandon();
    this.#ahead = undefined;
  }

  async #readWhole(): Promise<number> {
    const ahead = this.#ahead ?? this.#readAhead();
    this.#ahead = undefined;
    await ahead.done;
    return ahead.dump;
  }

  async #readLink(link: string, signal: AbortSignal): Promise<number> {
    this.shadows.beginRead();
    const dump = (this.#dumps += 1);
    const filter = { wanted: () => this.#wantedObjects(), link };
    await this.#look(filter, (sighting) => this.#found(sighting, dump), signal);
    return dump;
  }

  async #readPart(link: string | undefined, signal: AbortSignal): Promise<void> {
    const dump = await (link === undefined ? this.#readWhole() : this.#readLink(link, signal));
    const missing = (entry: Entry): void => {
      if (this.table.entries.wasSeen(entry, dump)) return;
      this.#differs(entry);
      // A device may have come or come up without a word; then what waits for it, or was refused, has its turn.
      const status = this.table.entries.statusOf(entry);
      if (status === Status.Waiting || (status === Status.Failed && link !== undefined)) {
        this.table.mark(entry, Status.Dirty);
      }
    };
    this.shadows.endRead(link);
    if (link === undefined) {
      this.#lastWhole = dump;
      this.table.entries.forEach(missing);
    } else this.#eachOnLink(link, missing);
  }

  #look(filter: DumpFilter, each: (sighting: Sighting) => void, signal: AbortSignal): Promise<void> {
    const { kind, table } = this;
    if (kind.scan) return kind.scan(filter, each, signal);
    return kind.dump(filter, (actual) => each(new ReadSighting(kind, table.index, actual)), signal);
  }

  readonly #wantedLike = (other: KernelObject): KernelObject | undefined => {
    const entry = this.table.entries.find(other);
    return entry === undefined ? undefined : this.table.entries.objectOf(entry);
  };

  *#wantedObjects(): Iterable<KernelObject> {
    for (const entry of this.table.entries) yield this.table.entries.objectOf(entry);
  }

  /** An object seen by a dump. */
  #found(sighting: Sighting, dump: number): void {
    const { entries } = this.table;
    const entry = entries.findSeen(sighting);
    if (entry === undefined) return this.#unwanted(sighting.read(), false);
    entries.setSeen(entry, dump);
    if (!sighting.satisfies(entries.objectOf(entry))) {
      if (this.kind.shadows && this.#takes(sighting.read(), entry, false)) return;
      return this.#differs(entry);
    }
    const status = entries.statusOf(entry);
    // A dirty one stays dirty: what the dump saw may be older than the report that made it dirty.
    if (status !== Status.Dirty && status !== Status.Writing) this.#asWanted(entry);
  }

  /** An object that the kernel reported. */
  #heard(actual: KernelObject, exists: boolean): void {
    const { entries } = this.table;
    const entry = entries.find(actual);
    if (entry === undefined) {
      if (exists) this.#unwanted(actual, true);
      else {
        this.strays.gone(this.kind.key(actual));
        this.shadows.delete(this.kind.key(actual));
      }
      return;
    }
    const satisfied = exists && this.kind.satisfies(actual, entries.objectOf(entry));
    if (!satisfied && exists && this.#takes(actual, entry, true)) return;
    // Whatever had its place is gone, or not somebody else's any more.
    this.shadows.delete(this.kind.key(actual));
    const status = entries.statusOf(entry);
    if (satisfied) {
      if (status === Status.Failed || status === Status.Held) this.#asWanted(entry);
      return;
    }
    if (this.#echoes?.mayBe(this.kind.key(actual), exists ? actual : undefined, this.context.clock.elapsed())) return;
    if (status === Status.Unknown || status === Status.Writing) this.table.mark(entry, Status.Dirty);
    else this.#differs(entry);
    this.context.wake();
  }

  /** Whether an object that was found has, and keeps, the place of a wanted one, which then waits until it is gone. */
  #takes(actual: KernelObject, entry: Entry, heard: boolean): boolean {
    if (!this.shadows.add(actual, heard)) return false;
    // Which of the two came last nobody has told.
    if (this.table.entries.statusOf(entry) === Status.Writing) this.readAll();
    this.#taken(entry);
    return true;
  }

  /** Whether it must not be written, although it differs. */
  #isTaken(entry: Entry): boolean {
    if (!this.shadows.keeps(this.table.entries.objectOf(entry))) return false;
    this.#taken(entry);
    return true;
  }

  #taken(entry: Entry): void {
    this.patience.applied(entry);
    this.table.mark(entry, Status.Taken);
  }

  /** Nobody else has the place of an entry any more. */
  #freed(entry: Entry): void {
    if (this.table.entries.statusOf(entry) !== Status.Taken) return;
    this.table.mark(entry, Status.Dirty);
    this.context.wake();
  }

  #asWanted(entry: Entry): void {
    this.patience.applied(entry);
    this.table.mark(entry, Status.Applied);
  }

  /** What is in the kernel is not what is wanted. */
  #differs(entry: Entry): void {
    const { entries } = this.table;
    const status = entries.statusOf(entry);
    if (status === Status.Unknown) this.table.mark(entry, Status.Dirty);
    if (status !== Status.Applied) return;
    const { patience } = this;
    const { restraint, clock, logger } = this.context;
    const now = clock.elapsed();
    const hold = patience.undone(entry, now);
    this.table.mark(entry, hold === 0 ? Status.Dirty : Status.Held);
    if (hold === 0 || !restraint.maySay(now)) return;
    logger.warn(
      `${this.kind.name} ${this.kind.key(entries.objectOf(entry))}: somebody keeps undoing it; it is restored at growing distances`,
      {
        times: patience.undoneCount(entry),
      },
    );
  }

  /** An object that nobody wants: to be removed if it is ours, and remembered if it is in the way. */
  #unwanted(actual: KernelObject, heard: boolean): void {
    const scope = this.strays.claimant(actual, this.#wantedLike);
    if (scope === 'kept') return;
    if (scope !== undefined) {
      const key = this.kind.key(actual);
      const verdict = this.strays.judge(key, scope);
      if (verdict === 'leave') this.#sayLeft(key);
      if (verdict !== 'remove') return;
      this.table.remove(key, { object: actual, scope });
      this.context.wake();
      return;
    }
    this.shadows.add(actual, heard);
  }

  #sayLeft(key: string): void {
    const { restraint, clock, logger } = this.context;
    if (!restraint.maySay(clock.elapsed())) return;
    logger.warn(`${this.kind.name} ${key}: ${LEFT}`);
  }

  #written(entry: Entry, error: Error | undefined): void {
    const { entries } = this.table;
    if (entries.statusOf(entry) !== Status.Writing) return;
    const { clock, logger } = this.context;
    if (!error) {
      this.shadows.overwritten(entries.objectOf(entry));
      this.#asWanted(entry);
      return;
    }
    if (LINK_CODES.has(errorCode(error))) {
      this.table.mark(entry, Status.Waiting);
      return;
    }
    this.patience.refused(entry, error, clock.elapsed());
    this.table.mark(entry, Status.Failed);
    if (this.#failing || this.kind.advisory) return;
    this.#failing = true;
    logger.warn(
      `${this.kind.name} ${this.kind.key(entries.objectOf(entry))}: ${errorText(error)}; it is tried again until it succeeds`,
    );
  }

  /** Its place may soon be another's, whom nobody has refused or undone. */
  #forgetIfGone(entry: Entry): void {
    if (this.table.entries.statusOf(entry) === Status.Gone) this.patience.forget(entry);
  }
}
