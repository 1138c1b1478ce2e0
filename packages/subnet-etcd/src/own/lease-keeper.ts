import type { Clock, Lease, LeaseAttributes, Logger, OwnLease, OwnLeaseState } from '@overlay/core';
import { errorCode, errorText, FAMILIES, OverlayError, throwIfAborted } from '@overlay/core';
import { Backoff, jittered, Publications, Rivals, subnetsText, wait } from '@overlay/core/store';
import type { Observable, Subscription } from 'rxjs';
import { BehaviorSubject } from 'rxjs';
import type { Acquired } from '../allocation/acquire-lease.js';
import type { EtcdClient } from '../client/etcd-client.js';
import type { Agent } from '../store/host-record.js';
import type { StoreKeys } from '../store/store-keys.js';
import type { LeaseView } from '../view/lease-view.js';
import type { Outcome } from './lease-mender.js';
import { LeaseMender } from './lease-mender.js';

export interface LeaseKeeperOptions {
  readonly hostId: string;
  readonly agent: Agent;
  readonly client: EtcdClient;
  readonly keys: StoreKeys;
  readonly view: LeaseView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ttlSeconds: number;
  /** Milliseconds before its end by which the lease is renewed at the latest. */
  readonly renewMarginMs: number;
}

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;
/** How often a lease is renewed at the least: with etcd away it then lasts nearly its whole time. */
const LONGEST_RENEWAL_MS = 3_600_000;
/** How often a keeper looks at its lease in etcd where nobody follows all leases anyway. */
const LOOK_MS = 5_000;

/**
 * Keeps one host's lease in etcd as it should be: renewed without being written, written again when other attributes
 * are published or when it was removed. It never moves to another subnet by itself, since pods live in it; what stands
 * against the lease is shown as a problem, and goes away with its cause.
 */
export class LeaseKeeper implements OwnLease {
  readonly state$: Observable<OwnLeaseState>;

  readonly #options: LeaseKeeperOptions;
  readonly #state: BehaviorSubject<OwnLeaseState>;
  readonly #closing = new AbortController();
  readonly #subscriptions: Subscription[] = [];
  // The same subnets: that is one lease, and whose it is shows elsewhere.
  readonly #rivals = new Rivals((own, other) =>
    FAMILIES.every((family) => own.subnets[family] === other.subnets[family]),
  );
  readonly #publications = new Publications();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  readonly #mender: LeaseMender;
  #attributes: LeaseAttributes;
  #running: Promise<void> | undefined;
  #again = false;
  #renewAt: number;
  #trouble: string | undefined;
  /** Another host has the lease. Stays true as long as etcd says nothing else. */
  #lost = false;
  /** Of what kind it is: the words may be others each time. */
  #troubleKind: string | undefined;
  /** What the view showed when it was last looked at. */
  #picture: string | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: LeaseKeeperOptions, acquired: Acquired, attributes: LeaseAttributes) {
    this.#options = options;
    this.#attributes = attributes;
    this.#mender = new LeaseMender(options, acquired);
    this.#renewAt = this.#nextRenewal();
    this.#state = new BehaviorSubject<OwnLeaseState>({ lease: this.#lease() });
    this.state$ = this.#state.asObservable();
    this.#rivals.setOwn(this.#lease());
    const { view } = options;
    if (view.ready) this.#rivals.take(view.snapshot());
    this.#subscriptions.push(
      view.events.subscribe((event) => {
        this.#rivals.take(event);
        this.#show();
      }),
      view.touched.subscribe(() => this.#look()),
    );
    this.#schedule();
    this.#show();
  }

  /** Goes on with what the same host has acquired once more. */
  adopt(acquired: Acquired, attributes: LeaseAttributes): void {
    this.#attributes = attributes;
    this.#mender.adopt(acquired);
    this.#renewAt = this.#nextRenewal();
    this.#trouble = this.#troubleKind = undefined;
    this.#lost = false;
    this.#show();
    this.#check();
  }

  async publish(attributes: LeaseAttributes, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const what = `publishing attributes of ${subnetsText(this.#mender.subnets)}`;
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
    this.#publications.fail(this.#closed(`publishing attributes of ${subnetsText(this.#mender.subnets)}`));
    this.#state.complete();
  }

  /** Looks at what the view knows, which costs nothing, and asks etcd only if something is not as it should be. */
  #look(): void {
    const picture = this.#mender.picture();
    if (picture === this.#picture) return;
    this.#picture = picture;
    if (this.#trouble !== undefined || !this.#mender.isInOrder(this.#attributes)) this.#check();
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
    const { signal } = this.#closing;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      const published = this.#publications.current();
      const attributes = this.#attributes;
      try {
        if (this.#options.clock.now() >= this.#renewAt) {
          await this.#mender.renew(signal);
          this.#renewAt = this.#nextRenewal();
        }
        const { problem, lost = false } = await this.#mend(attributes, signal);
        this.#again ||= attributes !== this.#attributes;
        if (problem === undefined) published();
        this.#lost = lost;
        this.#setTrouble(problem);
      } catch (error) {
        if (signal.aborted) return;
        const { expiresAt } = this.#mender;
        const until = expiresAt === undefined ? '' : `; without it the lease ends ${new Date(expiresAt).toISOString()}`;
        this.#setTrouble(`the lease cannot be kept: ${errorText(error)}; trying again${until}`, errorCode(error));
      }
      this.#show();
      this.#schedule();
    }
  }

  /** Makes it right, as far as it may. */
  async #mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Extract<Outcome, { kind: 'done' }>> {
    for (;;) {
      const outcome = await this.#mender.mend(attributes, signal);
      if (outcome.kind === 'done') return outcome;
      if (outcome.problem !== undefined) this.#setTrouble(outcome.problem);
      await wait(this.#options.clock, outcome.afterMs, 'keeping a lease', signal);
    }
  }

  #nextRenewal(): number {
    const { clock, renewMarginMs } = this.#options;
    const lifetimeMs = this.#mender.lifetimeSeconds * 1000;
    const ms = Math.min(lifetimeMs / 3, LONGEST_RENEWAL_MS, Math.max(lifetimeMs - renewMarginMs, lifetimeMs / 10));
    return clock.now() + jittered(ms);
  }

  #lease(): Lease {
    const { subnets, expiresAt } = this.#mender;
    return {
      key: this.#options.hostId,
      subnets,
      attributes: this.#mender.published ?? this.#attributes,
      ...(expiresAt !== undefined && { expiresAt }),
    };
  }

  #setTrouble(trouble: string | undefined, kind = trouble): void {
    if (kind === this.#troubleKind) return;
    this.#troubleKind = kind;
    const subnets = subnetsText(this.#mender.subnets);
    if (trouble === undefined) this.#options.logger.info(`${subnets}: the lease is in order`);
    else this.#options.logger.warn(`${subnets}: ${trouble}`);
    this.#trouble = trouble;
    this.#show();
  }

  #show(): void {
    const { view } = this.#options;
    const lease = this.#lease();
    if (this.#rivals.setOwn(lease) && view.ready) this.#rivals.take(view.snapshot());
    const problems = [...(this.#trouble === undefined ? [] : [this.#trouble]), ...this.#rivals.problems()];
    const problem = problems.length > 3 ? `${problems.slice(0, 3).join('; ')}; and more` : problems.join('; ');
    const before = this.#state.value;
    const same =
      (before.lost ?? false) === this.#lost &&
      before.lease.expiresAt === lease.expiresAt &&
      before.lease.subnets === lease.subnets &&
      before.lease.attributes === lease.attributes;
    if (same && (before.problem ?? '') === problem) return;
    this.#state.next({ lease, ...(problem !== '' && { problem }), ...(this.#lost && { lost: true }) });
  }

  #schedule(): void {
    this.#cancelTimer?.();
    if (this.#closing.signal.aborted) return;
    const { clock, view } = this.#options;
    let ms = Math.max(this.#renewAt - clock.now(), 0);
    if (this.#trouble === undefined) this.#backoff.reset();
    else ms = Math.min(ms, this.#backoff.next());
    if (!view.started) ms = Math.min(ms, jittered(LOOK_MS));
    this.#cancelTimer = clock.after(ms, () => this.#check());
  }

  #closed(what: string): OverlayError {
    return new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
  }
}
