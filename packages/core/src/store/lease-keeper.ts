import type { Observable, Subscription } from 'rxjs';
import { BehaviorSubject } from 'rxjs';
import { OverlayError, throwIfAborted } from '../errors.js';
import { sameLease } from '../lease-table/same-lease.js';
import type { Lease, LeaseAttributes, LeaseEvent } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import type { OwnLease, OwnLeaseState } from '../subnet-manager.js';
import { Backoff, wait } from '../wait.js';
import type { LeaseMender, Mended } from './lease-mender.js';
import { subnetsText } from './subnets-text.js';
import { Publications } from './publications.js';
import { Rivals } from './rivals.js';

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;
/** Longer timers run at once in Node. */
const LONGEST_TIMER_MS = 24 * 3_600_000;
/** The most problems that are told at a time. */
const TOLD = 3;

/** The view of all leases that a subnet manager keeps up, as far as the keeper of one of them needs it. */
export interface KeepersView {
  /** Whether there is a snapshot. */
  readonly ready: boolean;
  snapshot(): LeaseEvent;
  readonly events: Observable<LeaseEvent>;
}

export interface LeaseKeeperOptions {
  readonly mender: LeaseMender;
  /** What the store has been given. */
  readonly attributes: LeaseAttributes;
  readonly view: KeepersView;
  /** Tells whenever something has come to be known of the store that may concern the lease. */
  readonly touched$: Observable<unknown>;
  /** As of {@link Rivals}. */
  readonly isOwn?: (own: Lease, other: Lease) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps one host's lease in a store as it should be: has it mended when other attributes are published, when it is time,
 * and when the store shows that it is not as it should be, one attempt after the other. What stands against the lease is
 * shown as a problem, and goes away with its cause.
 */
export class LeaseKeeper implements OwnLease {
  readonly state$: Observable<OwnLeaseState>;

  readonly #options: LeaseKeeperOptions;
  readonly #mender: LeaseMender;
  readonly #state: BehaviorSubject<OwnLeaseState>;
  readonly #closing = new AbortController();
  readonly #subscriptions: Subscription[] = [];
  readonly #rivals: Rivals;
  readonly #publications = new Publications();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  #attributes: LeaseAttributes;
  #running: Promise<void> | undefined;
  #again = false;
  #trouble: string | undefined;
  /** Another host has the lease. Stays true as long as the store says nothing else. */
  #lost = false;
  /** Of what kind the trouble is: the words may be others each time. */
  #troubleKind: string | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: LeaseKeeperOptions) {
    const { mender, attributes, view, touched$, isOwn } = options;
    this.#options = options;
    this.#mender = mender;
    this.#attributes = attributes;
    this.#rivals = new Rivals(isOwn);
    this.#state = new BehaviorSubject<OwnLeaseState>({ lease: mender.lease });
    this.state$ = this.#state.asObservable();
    this.#subscriptions.push(
      view.events.subscribe((event) => {
        // Thousands of other hosts come and go without having anything to do with this lease.
        if (this.#rivals.take(event)) this.#show();
      }),
      touched$.subscribe(() => {
        if (mender.needsMending(this.#attributes, this.#trouble !== undefined)) this.check();
      }),
    );
    this.#schedule();
    this.#show();
  }

  /** Goes on after the mender was given what the same host has acquired once more, with these attributes. */
  adopt(attributes: LeaseAttributes): void {
    this.#attributes = attributes;
    this.#trouble = this.#troubleKind = undefined;
    this.#lost = false;
    this.#show();
    this.check();
  }

  /** @throws OverlayError `OVERLAY_ABORTED`, `OVERLAY_CLOSED`. */
  async publish(attributes: LeaseAttributes, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const what = `publishing attributes of ${this.#name()}`;
    throwIfAborted(what, signal);
    if (this.#closing.signal.aborted) throw this.#closed(what);
    this.#attributes = attributes;
    const published = this.#publications.wait(what, signal);
    this.check();
    await published;
  }

  /** Has the lease mended, one attempt at a time; whoever asks meanwhile has it done once more. */
  check(): void {
    if (this.#closing.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Somebody may have asked between the last round and now.
      if (this.#again) this.check();
    });
  }

  /** Ends. The lease stays in the store until its time is over. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelTimer?.();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    await this.#running;
    this.#publications.fail(this.#closed(`publishing attributes of ${this.#name()}`));
    this.#state.complete();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      const published = this.#publications.current();
      const attributes = this.#attributes;
      try {
        const { problem, lost = false } = await this.#mend(attributes, signal);
        this.#again ||= attributes !== this.#attributes;
        if (problem === undefined) published();
        this.#lost = lost;
        this.#setTrouble(problem);
      } catch (error) {
        if (signal.aborted) return;
        const { problem, kind } = this.#mender.failure(error);
        this.#setTrouble(problem, kind);
      }
      this.#show();
      this.#schedule();
    }
  }

  /** Makes it right, as far as it may. */
  async #mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Extract<Mended, { kind: 'done' }>> {
    for (;;) {
      const mended = await this.#mender.mend(attributes, signal);
      if (mended.kind === 'done') return mended;
      if (mended.problem !== undefined) this.#setTrouble(mended.problem);
      else this.#show();
      await wait(this.#options.clock, mended.afterMs, 'keeping a lease', signal);
    }
  }

  #setTrouble(trouble: string | undefined, kind = trouble): void {
    if (kind === this.#troubleKind) return;
    this.#troubleKind = kind;
    if (trouble === undefined) this.#options.logger.info(`${this.#name()}: the lease is in order`);
    else this.#options.logger.warn(`${this.#name()}: ${trouble}`);
    this.#trouble = trouble;
    this.#show();
  }

  #show(): void {
    const { view } = this.#options;
    const { lease } = this.#mender;
    if (this.#rivals.setOwn(lease) && view.ready) this.#rivals.take(view.snapshot());
    const problems = [...(this.#trouble === undefined ? [] : [this.#trouble]), ...this.#rivals.problems()];
    const more = problems.length > TOLD ? '; and more' : '';
    const problem = `${problems.slice(0, TOLD).join('; ')}${more}`;
    const before = this.#state.value;
    const lost = this.#lost;
    const same =
      (before.lost ?? false) === lost && before.lease.expiresAt === lease.expiresAt && sameLease(before.lease, lease);
    if (same && (before.problem ?? '') === problem) return;
    this.#state.next({ lease, ...(problem !== '' && { problem }), ...(lost && { lost }) });
  }

  #schedule(): void {
    this.#cancelTimer?.();
    if (this.#closing.signal.aborted) return;
    const { clock } = this.#options;
    let ms: number;
    if (this.#trouble === undefined) {
      this.#backoff.reset();
      ms = (this.#mender.dueAt ?? Infinity) - clock.now();
      if (ms === Infinity) return;
    } else {
      ms = this.#backoff.next();
    }
    this.#cancelTimer = clock.after(Math.min(Math.max(ms, 0), LONGEST_TIMER_MS), () => this.check());
  }

  #name(): string {
    return subnetsText(this.#mender.lease.subnets);
  }

  #closed(what: string): OverlayError {
    return new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
  }
}
