import type { Clock, LeaseAttributes, Logger, OwnLease, OwnLeaseState } from '@overlay/core';
import { errorText, OverlayError, throwIfAborted } from '@overlay/core';
import { jittered, Publications, Rivals, subnetsText, wait } from '@overlay/core/store';
import type { Observable, Subscription } from 'rxjs';
import { BehaviorSubject } from 'rxjs';
import type { Holder } from '../allocation/claim.js';
import type { Put } from '../allocation/put-lease.js';
import { putLease } from '../allocation/put-lease.js';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseRecord } from '../directory/lease-record.js';
import { isExpired, leaseOf } from '../directory/lease-record.js';
import { ticketDispenser } from '../directory/work-names.js';
import { encodeLease } from '../format/lease-content.js';
import type { LeaseView } from '../view/lease-view.js';

export interface LeaseKeeperOptions {
  readonly hostId: string;
  readonly directory: LeaseDirectory;
  readonly view: LeaseView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ttlMs: number;
  readonly renewMarginMs: number;
}

/** What stands against a lease. */
interface Trouble {
  readonly text: string;
  /** Another host has it. */
  readonly lost: boolean;
}

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;
const LONGEST_TIMER_MS = 24 * 3_600_000;

/**
 * Keeps one host's lease in the directory as it should be: renews it, rewrites it when other attributes are published,
 * writes it again when it was removed or spoilt. It never moves to another subnet by itself, since pods live in it; what
 * stands against the lease is shown as a problem, and goes away with its cause.
 */
export class LeaseKeeper implements OwnLease {
  readonly state$: Observable<OwnLeaseState>;

  readonly #options: LeaseKeeperOptions;
  readonly #state: BehaviorSubject<OwnLeaseState>;
  readonly #closing = new AbortController();
  readonly #subscriptions: Subscription[] = [];
  readonly #rivals = new Rivals();
  /** The lease as it was last written or read. */
  #record: LeaseRecord;
  #attributes: LeaseAttributes;
  readonly #publications = new Publications();
  #running: Promise<void> | undefined;
  #again = false;
  #trouble: string | undefined;
  /** Another host has the lease. Stays true as long as the directory says nothing else. */
  #lost = false;
  #retryMs = FIRST_RETRY_MS;
  #cancelTimer: (() => void) | undefined;
  #revivedAt = -Infinity;
  #revivalMs = 0;
  #shownText: string | undefined;

  constructor(options: LeaseKeeperOptions, record: LeaseRecord) {
    this.#options = options;
    this.#record = record;
    this.#attributes = record.attributes;
    this.#state = new BehaviorSubject<OwnLeaseState>({ lease: leaseOf(record) });
    this.state$ = this.#state.asObservable();
    this.#rivals.setOwn(leaseOf(record));
    const { view } = options;
    if (view.ready) this.#rivals.take(view.snapshot());
    this.#subscriptions.push(
      view.events.subscribe((event) => {
        this.#rivals.take(event);
        this.#show();
      }),
      view.looked.subscribe((name) => {
        if (name === undefined || name === this.#record.name) this.#check();
      }),
    );
    this.#check();
    this.#show();
  }

  /** Goes on with another record of the same host: it has acquired again. */
  adopt(record: LeaseRecord): void {
    this.#attributes = record.attributes;
    this.#setRecord(record);
    this.#check();
  }

  async publish(attributes: LeaseAttributes, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const what = `publishing attributes of ${subnetsText(this.#record.subnets)}`;
    throwIfAborted(what, signal);
    if (this.#closing.signal.aborted) throw this.#closed(what);
    this.#attributes = attributes;
    const published = this.#publications.wait(what, signal);
    this.#check();
    await published;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelTimer?.();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    await this.#running;
    this.#publications.fail(this.#closed(`publishing attributes of ${subnetsText(this.#record.subnets)}`));
    this.#state.complete();
  }

  /** Compares what is with what should be, one at a time; whoever asks meanwhile has it done once more. */
  #check(): void {
    if (this.#closing.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Somebody may have asked between the last round and now.
      if (this.#again) this.#check();
    });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closing.signal.aborted) {
      this.#again = false;
      const published = this.#publications.current();
      try {
        const trouble = await this.#mend();
        if (trouble === undefined) published();
        this.#setTrouble(trouble?.text, trouble?.lost ?? false);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        const { directory } = this.#options;
        this.#setTrouble(
          `the lease of ${subnetsText(this.#record.subnets)} cannot be written in ${directory.path}: ${errorText(error)}; trying again`,
        );
      }
      this.#schedule();
    }
  }

  /** Makes the file right. What stands against it, if anything does. */
  async #mend(): Promise<Trouble | undefined> {
    const { directory, clock } = this.#options;
    const ticket = ticketDispenser();
    for (;;) {
      const reading = directory.read(this.#record.name, this.#record);
      if (reading.kind === 'trouble') throw reading.error;
      let undone: string | undefined;
      if (reading.kind === 'lease' && this.#isOwn(reading.record)) {
        const changed = !this.#differs(this.#record) && this.#differs(reading.record);
        this.#setRecord(reading.record);
        if (!this.#differs(reading.record) && !this.#isDue(reading.record)) return undefined;
        if (changed) undone = 'keeps being changed by somebody else';
      } else if (reading.kind === 'lease' && !isExpired(reading.record, clock.now())) {
        return this.#heldBy([{ key: reading.record.key, name: reading.record.name }]);
      } else if (reading.kind === 'junk' && !reading.replaceable) {
        return this.#heldBy([{ name: this.#record.name }]);
      } else if (this.#follow()) {
        continue;
      } else {
        undone = 'keeps being removed or spoilt';
        directory.create();
      }
      if (undone !== undefined) await this.#bePatient(undone);
      const put = await this.#put(ticket);
      if (put.kind === 'taken') return this.#heldBy(put.by);
      if (put.kind === 'written') {
        if (undone !== undefined) this.#revivedAt = clock.now();
        this.#setRecord(put.record);
        // Another publication may have come while this one was being written.
        if (this.#differs(put.record)) this.#again = true;
        return undefined;
      }
      await wait(clock, jittered(20), 'keeping a lease', this.#closing.signal);
    }
  }

  #put(ticket: () => string): Promise<Put> {
    const { hostId, directory, clock, ttlMs } = this.#options;
    const { subnets, expiresAt } = this.#record;
    const expiry = expiresAt !== undefined && { expiresAt: clock.now() + ttlMs };
    return putLease(
      { hostId, subnets, attributes: this.#attributes, ...expiry },
      { directory, clock, signal: this.#closing.signal, ticket, isOwn: (record) => this.#isOwn(record) },
    );
  }

  /** Goes on with another lease of this host, which it has taken by another subnet manager. True if there is one. */
  #follow(): boolean {
    const { view, clock, directory } = this.#options;
    for (const { name, hostId } of view.records()) {
      if (hostId !== this.#options.hostId || name === this.#record.name) continue;
      const reading = directory.read(name);
      if (reading.kind !== 'lease' || !this.#isOwn(reading.record) || isExpired(reading.record, clock.now())) continue;
      this.#setRecord(reading.record);
      return true;
    }
    return false;
  }

  /** Whoever keeps undoing the lease is met with patience: the first time at once, then ever more slowly. */
  async #bePatient(problem: string): Promise<void> {
    const { clock } = this.#options;
    const calm = clock.now() - this.#revivedAt > LONGEST_RETRY_MS;
    this.#revivalMs = calm ? 0 : Math.min(Math.max(this.#revivalMs * 2, FIRST_RETRY_MS), LONGEST_RETRY_MS);
    if (this.#revivalMs === 0) return;
    this.#setTrouble(
      `the lease of ${subnetsText(this.#record.subnets)} ${problem}; writing it again, ever more slowly`,
    );
    await wait(clock, this.#revivalMs, 'keeping a lease', this.#closing.signal);
  }

  #heldBy(holders: readonly Holder[]): Trouble {
    const { directory } = this.#options;
    const who = holders.map(
      ({ key, name }) => `${key === undefined ? 'no lease' : `host ${key}`}, ${directory.file(name)}`,
    );
    const text =
      `our ${subnetsText(this.#record.subnets)} is held by another (${who.join('; ')}): traffic goes on as before; ` +
      'remove that file, or restart this agent or run overlay apply to take another subnet';
    return { text, lost: true };
  }

  #isOwn(record: LeaseRecord): boolean {
    return record.hostId === this.#options.hostId;
  }

  #differs(record: LeaseRecord): boolean {
    const { hostId } = this.#options;
    return record.text !== `${record.name} ${encodeLease({ attributes: this.#attributes, hostId })}`;
  }

  #isDue({ expiresAt }: LeaseRecord): boolean {
    return expiresAt !== undefined && expiresAt - this.#options.renewMarginMs <= this.#options.clock.now();
  }

  #setRecord(record: LeaseRecord): void {
    if (record === this.#record) return;
    this.#record = record;
    const { view } = this.#options;
    if (this.#rivals.setOwn(leaseOf(record)) && view.ready) this.#rivals.take(view.snapshot());
    this.#show();
  }

  #setTrouble(trouble: string | undefined, lost = this.#lost): void {
    if (trouble === this.#trouble && lost === this.#lost) return;
    this.#lost = lost;
    if (trouble === this.#trouble) return this.#show();
    if (trouble === undefined) this.#options.logger.info(`${subnetsText(this.#record.subnets)}: the lease is in order`);
    else this.#options.logger.warn(trouble);
    this.#trouble = trouble;
    this.#show();
  }

  #show(): void {
    const problems = [...(this.#trouble === undefined ? [] : [this.#trouble]), ...this.#rivals.problems()];
    const problem = problems.length > 3 ? `${problems.slice(0, 3).join('; ')}; and more` : problems.join('; ');
    const before = this.#state.value;
    const { text, expiresAt } = this.#record;
    if (
      (before.problem ?? '') === problem &&
      text === this.#shownText &&
      expiresAt === before.lease.expiresAt &&
      (before.lost ?? false) === this.#lost
    )
      return;
    this.#shownText = text;
    this.#state.next({
      lease: leaseOf(this.#record),
      ...(problem !== '' && { problem }),
      ...(this.#lost && { lost: true }),
    });
  }

  #schedule(): void {
    this.#cancelTimer?.();
    if (this.#closing.signal.aborted) return;
    const { clock, renewMarginMs } = this.#options;
    if (this.#trouble !== undefined) {
      this.#cancelTimer = clock.after(jittered(this.#retryMs), () => this.#check());
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
      return;
    }
    this.#retryMs = FIRST_RETRY_MS;
    const { expiresAt } = this.#record;
    if (expiresAt === undefined) return;
    const ms = Math.max(expiresAt - renewMarginMs - clock.now(), 0);
    this.#cancelTimer = clock.after(Math.min(ms, LONGEST_TIMER_MS), () => this.#check());
  }

  #closed(what: string): OverlayError {
    return new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
  }
}
