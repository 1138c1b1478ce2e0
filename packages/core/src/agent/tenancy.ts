import type { Subscription } from 'rxjs';
import type { Prefix } from '../address/index.js';
import { errorText } from '../errors.js';
import { sameLease } from '../lease-table/same-lease.js';
import { usableEndpoints } from '../lease-table/usable-endpoints.js';
import type { Lease, LeaseAttributes, PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { OwnLease, OwnLeaseState, SubnetManager } from '../subnet-manager.js';
import type { ChangeLog } from './change-log.js';
import { LatestWrite } from './latest-write.js';
import type { RetryPorts } from './retry.js';
import { failureText, retry } from './retry.js';
import { firstValue } from '../deferred.js';

/** What a {@link Tenancy} works with, and whom it tells. */
export interface TenancyContext extends RetryPorts {
  readonly hostId: string;
  readonly subnetManager: SubnetManager;
  readonly log: ChangeLog;
  /** The subnets that the host had before by its own record. */
  wantedSubnets(signal: AbortSignal): Promise<PerFamily<Prefix> | undefined>;
  /** Something that can be seen from outside is another. */
  changed(): void;
  /** The lease has other subnets or attributes. */
  leaseChanged(lease: Lease): void;
}

/** This host's lease: takes it, follows it, and keeps what it publishes as it should be. */
export class Tenancy {
  readonly #context: TenancyContext;
  readonly #writer: LatestWrite<{ readonly own: OwnLease; readonly attributes: LeaseAttributes }>;
  #own: OwnLease | undefined;
  #state: OwnLeaseState | undefined;
  #subscription: Subscription | undefined;
  #waiting = 'the lease that this host held before';
  #wanted: LeaseAttributes | undefined;
  #published: LeaseAttributes | undefined;
  #problem: string | undefined;
  #closed = false;

  constructor(context: TenancyContext) {
    this.#context = context;
    this.#writer = new LatestWrite(context, {
      what: 'publishing how peers reach this host',
      write: ({ own, attributes }, options) => own.publish(attributes, options),
      wrote: ({ attributes }) => this.#wrote(attributes),
      failed: (error) => this.#publishFailed(error),
    });
  }

  /** The lease held, and what is wrong with holding it. */
  get state(): OwnLeaseState | undefined {
    return this.#state;
  }

  /** What there is to wait for as long as there is no lease. */
  get waiting(): string {
    return this.#waiting;
  }

  /** What the store is known to have: the object given to {@link want} or {@link acquire}. */
  get published(): LeaseAttributes | undefined {
    return this.#published;
  }

  /** What keeps peers from being told how to reach this host. */
  get problem(): string | undefined {
    return this.#problem;
  }

  waitsFor(what: string): void {
    this.#waiting = what;
    this.#context.changed();
  }

  /** The lease that the store has for this host. Rejects when aborted, or with an error that is fatal. */
  async previous(signal: AbortSignal): Promise<Lease | undefined> {
    const { hostId, subnetManager } = this.#context;
    const previous = await this.#retried('reading the lease that this host held', signal, () =>
      subnetManager.previous(hostId, { signal }),
    );
    return previous && usableEndpoints(previous).lease;
  }

  /**
   * Takes a lease. Rejects when aborted, or with an error that trying again cannot mend.
   *
   * @param attributes what to publish with it by the time of each attempt
   */
  async acquire(netConf: NetConf, attributes: () => LeaseAttributes, signal: AbortSignal): Promise<void> {
    const { hostId, subnetManager } = this.#context;
    this.waitsFor('a lease for this host');
    const wanted = await this.#context.wantedSubnets(signal);
    let published: LeaseAttributes | undefined;
    const own = await this.#retried('acquiring a lease', signal, () => {
      published = attributes();
      const request = { hostId, netConf, attributes: published, ...(wanted && { wanted }) };
      return subnetManager.acquire(request, {
        signal,
        waiting: (reason) => {
          this.#context.log.info('lease', `waiting for a lease: ${reason}`);
          this.waitsFor(`a lease for this host: ${reason}`);
        },
      });
    });
    await this.#follow(own, signal);
    // A store that has not answered has nothing of it.
    this.#published = this.#state?.remembered ? undefined : published;
    this.#wanted ??= published;
    this.#write();
  }

  /** From now on the lease is to publish this. A newer value takes the place of one that is still on its way. */
  want(attributes: LeaseAttributes): void {
    if (attributes === this.#wanted) return;
    this.#wanted = attributes;
    this.#write();
  }

  close(): void {
    this.#closed = true;
    this.#writer.stop();
    this.#subscription?.unsubscribe();
  }

  async #follow(own: OwnLease, signal: AbortSignal): Promise<void> {
    this.#subscription?.unsubscribe();
    this.#own = own;
    this.#stateChanged(own, await firstValue(own.state$, 'reading the acquired lease', signal));
    this.#subscription = own.state$.subscribe({
      next: (state) => this.#stateChanged(own, state),
      error: (error: unknown) => {
        if (this.#state === undefined) return;
        this.#stateChanged(own, { ...this.#state, problem: `no longer followed: ${errorText(error)}` });
      },
    });
  }

  #stateChanged(own: OwnLease, { lease: told, problem, lost, remembered }: OwnLeaseState): void {
    if (own !== this.#own || this.#closed) return;
    const before = this.#state;
    const { lease } = usableEndpoints(told);
    this.#state = {
      ...{ lease, ...(problem !== undefined && { problem }) },
      ...(lost && { lost }),
      ...(remembered && { remembered }),
    };
    const { log } = this.#context;
    const subnets = FAMILIES.flatMap((family) => lease.subnets[family] ?? []).join(', ');
    if (problem === undefined) log.over('own-lease-problem', `the lease of ${subnets} is in order again`);
    else log.warn('own-lease-problem', `the lease of ${subnets}: ${problem}`);
    if (before === undefined || !sameLease(before.lease, lease)) {
      log.info('own-lease', `holding the lease of ${subnets}${remembered ? ', as it is remembered' : ''}`);
      this.#context.leaseChanged(lease);
    }
    this.#context.changed();
  }

  #write(): void {
    const own = this.#own;
    const attributes = this.#wanted;
    if (own === undefined || attributes === undefined || attributes === this.#published || this.#closed) return;
    // What the store has is unknown from here until the write has succeeded.
    this.#published = undefined;
    this.#writer.write({ own, attributes });
  }

  #wrote(attributes: LeaseAttributes): void {
    this.#published = attributes;
    this.#context.log.over('publish', 'published how peers reach this host');
    this.#problem = undefined;
    this.#context.changed();
  }

  #publishFailed(error: unknown): void {
    const text = `publishing how peers reach this host: ${errorText(error)}`;
    this.#context.log.warn('publish', text);
    if (text === this.#problem) return;
    this.#problem = text;
    this.#context.changed();
  }

  #retried<T>(what: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    return retry(this.#context, {
      what,
      signal,
      attempt,
      failed: (error, delayMs) => {
        this.#waiting = failureText(what, error, delayMs);
        this.#context.log.warn('lease', this.#waiting);
        this.#context.changed();
      },
    });
  }
}
