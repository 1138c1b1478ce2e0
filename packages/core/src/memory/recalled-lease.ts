import type { Observable, Subscription } from 'rxjs';
import { BehaviorSubject } from 'rxjs';
import type { Deferred } from '../deferred.js';
import { deferred, unlessAborted } from '../deferred.js';
import { errorText, OverlayError } from '../errors.js';
import type { Lease, LeaseAttributes } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import { sameSubnets, subnetsOverlap, subnetsText } from '../store/subnets-text.js';
import type { OwnLease, OwnLeaseState } from '../subnet-manager.js';
import { Backoff, wait } from '../wait.js';

/** What the store is asked, once it answers. All reject when aborted, or when the store cannot be asked now. */
export interface StoreQuestions {
  /** The lease that it has for this host. */
  previous(signal: AbortSignal): Promise<Lease | undefined>;
  /** All leases. */
  snapshot(signal: AbortSignal): Promise<readonly Lease[]>;
  /** Takes the remembered subnets, with these attributes. */
  acquire(attributes: LeaseAttributes, signal: AbortSignal): Promise<OwnLease>;
}

export interface RecalledLeaseOptions {
  /** As it is remembered. */
  readonly lease: Lease;
  /** What the host wants to publish. */
  readonly attributes: LeaseAttributes;
  readonly store: StoreQuestions;
  readonly clock: Clock;
}

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;

/**
 * The lease that a host remembers, until the store answers. Nothing of it is published before. Then it is taken again,
 * unless it is another's now or this host has another one there: pods live in its subnets, so it stays as it is here, and
 * is shown as lost for as long as that is so.
 */
export class RecalledLease implements OwnLease {
  readonly state$: Observable<OwnLeaseState>;
  readonly #options: RecalledLeaseOptions;
  readonly #state: BehaviorSubject<OwnLeaseState>;
  readonly #confirmed: Deferred<OwnLease> = deferred();
  readonly #closing = new AbortController();
  #attributes: LeaseAttributes;
  #subscription: Subscription | undefined;

  constructor(options: RecalledLeaseOptions) {
    this.#options = options;
    this.#attributes = options.attributes;
    this.#state = new BehaviorSubject<OwnLeaseState>({ lease: options.lease, remembered: true });
    this.state$ = this.#state.asObservable();
    void this.#confirm();
  }

  /** @throws OverlayError `OVERLAY_ABORTED`, `OVERLAY_CLOSED` */
  async publish(attributes: LeaseAttributes, options: { readonly signal: AbortSignal }): Promise<void> {
    this.#attributes = attributes;
    const what = `publishing attributes of ${subnetsText(this.#options.lease.subnets)}`;
    const own = await unlessAborted(this.#confirmed.promise, what, options.signal);
    await own.publish(attributes, options);
  }

  /** Stops asking: another lease has taken its place. */
  giveUp(): void {
    this.#closing.abort();
    this.#subscription?.unsubscribe();
  }

  /** Ends with the subnet manager. */
  close(): void {
    this.giveUp();
    this.#confirmed.reject(new OverlayError('OVERLAY_CLOSED', 'confirming a lease: the subnet manager is closed'));
    this.#state.complete();
  }

  async #confirm(): Promise<void> {
    const { clock, store } = this.#options;
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    while (!signal.aborted) {
      try {
        const problem = await this.#against(signal);
        if (problem === undefined) {
          const own = await store.acquire(this.#attributes, signal);
          this.#subscription = own.state$.subscribe(this.#state);
          this.#confirmed.resolve(own);
          return;
        }
        this.#show({ problem, lost: true });
      } catch (error) {
        if (signal.aborted) return;
        // A store that has never answered is shown as such anyway.
        if (this.#state.value.problem === undefined) this.#show({ problem: `confirming it: ${errorText(error)}` });
      }
      await wait(clock, backoff.next(), 'confirming a lease', signal).catch(() => undefined);
    }
  }

  /** What the store says against it. */
  async #against(signal: AbortSignal): Promise<string | undefined> {
    const { lease, store } = this.#options;
    const leases = await store.snapshot(signal);
    const previous = await store.previous(signal);
    const ours = subnetsText(lease.subnets);
    const remedy = 'traffic goes on as before; restart this agent or run overlay apply to take another subnet';
    if (previous !== undefined) {
      if (sameSubnets(previous.subnets, lease.subnets)) return undefined;
      return `this host remembers ${ours}, but has ${subnetsText(previous.subnets)} in the store now: ${remedy}`;
    }
    const other = leases.find(({ key, subnets }) => key !== lease.key && subnetsOverlap(subnets, lease.subnets));
    if (other === undefined) return undefined;
    return `our ${ours} is held by another (${other.key}, ${subnetsText(other.subnets)}) since the store was away: ${remedy}`;
  }

  #show(what: Pick<OwnLeaseState, 'problem' | 'lost'>): void {
    if (this.#state.value.problem === what.problem) return;
    this.#state.next({ lease: this.#options.lease, remembered: true, ...what });
  }
}
