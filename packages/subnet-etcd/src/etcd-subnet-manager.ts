import { randomUUID } from 'node:crypto';
import type {
  AcquireRequest,
  ConfigEvent,
  Lease,
  LeaseAttributes,
  LeaseEvent,
  OwnLease,
  SubnetManager,
} from '@overlay/core';
import { OverlayError, throwIfAborted } from '@overlay/core';
import { Observable, ReplaySubject, share, Subject, takeUntil } from 'rxjs';
import type { Acquired } from './allocation/acquire-lease.js';
import { acquireLease } from './allocation/acquire-lease.js';
import { EtcdClient } from './client/etcd-client.js';
import type { CompleteOptions, EtcdSubnetManagerOptions } from './options.js';
import { completeOptions } from './options.js';
import { LeaseKeeper } from './own/lease-keeper.js';
import type { Agent } from './store/host-record.js';
import { isHostId, speaksOf } from './store/host-record.js';
import { LeaseBook } from './store/lease-book.js';
import { StoreKeys } from './store/store-keys.js';
import { storedConfig } from './view/config-watch.js';
import { LeaseView } from './view/lease-view.js';

/**
 * Leases in etcd v3, with flannel's keys and values, so that hosts that run flanneld and hosts that run this form one
 * network. etcd is asked from the first use on until {@link close}. A peer's lease tells no end: etcd removes it then.
 *
 * What flannel has no place for is under `<prefix>/overlay/`: `hosts/<identity>` names the lease that a host holds,
 * `ipv6/<subnet>` keeps an IPv6 subnet for one lease. Both are with the lease's own etcd lease and end with it.
 */
export class EtcdSubnetManager implements SubnetManager {
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;

  readonly #options: CompleteOptions;
  readonly #keys: StoreKeys;
  readonly #client: EtcdClient;
  readonly #view: LeaseView;
  readonly #agent: Agent;
  readonly #keepers = new Map<string, LeaseKeeper>();
  readonly #closing = new AbortController();
  readonly #closed$ = new Subject<void>();
  /** What is under way and has to end before {@link close} does. */
  readonly #pending = new Set<Promise<unknown>>();
  #confirmedAt: number | undefined;
  #closed: Promise<void> | undefined;

  /** @throws OverlayError `OVERLAY_OPTION_INVALID` */
  constructor(options: EtcdSubnetManagerOptions) {
    this.#options = completeOptions(options);
    const { clock, logger, confirmMs, timeoutMs } = this.#options;
    this.#keys = new StoreKeys(this.#options.prefix);
    this.#client = new EtcdClient(this.#options);
    this.#agent = { agent: randomUUID(), since: clock.now() };
    const [client, keys] = [this.#client, this.#keys];
    this.#view = new LeaseView({ client, keys, clock, logger, confirmMs, timeoutMs });
    this.config$ = storedConfig(this.#view, keys).pipe(
      takeUntil(this.#closed$),
      share({ connector: () => new ReplaySubject<ConfigEvent>(1), resetOnRefCountZero: true }),
    );
    this.leases$ = new Observable<LeaseEvent>((subscriber) => {
      this.#view.start();
      if (this.#view.ready && this.#closed === undefined) subscriber.next(this.#view.snapshot());
      return this.#view.events.subscribe(subscriber);
    });
  }

  /** @throws OverlayError also `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED` when etcd cannot be asked now */
  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const what = `looking for the lease of host ${hostId}`;
    this.#check(what, signal);
    try {
      return await this.#during(this.#find(hostId, what, AbortSignal.any([signal, this.#closing.signal])));
    } finally {
      this.#check(what, signal);
    }
  }

  async acquire(request: AcquireRequest, { signal }: { readonly signal: AbortSignal }): Promise<OwnLease> {
    const { hostId } = request;
    const what = `acquiring a subnet for host ${hostId}`;
    if (!isHostId(hostId)) {
      throw new OverlayError(
        'OVERLAY_LEASE_INVALID',
        `${what}: expected a host identity of 1 to 256 characters without control characters; set another (--host-id)`,
      );
    }
    this.#check(what, signal);
    const { clock, logger, ttlSeconds } = this.#options;
    const context = {
      ...{ client: this.#client, keys: this.#keys, clock, logger, ttlSeconds, agent: this.#agent },
      known: () => (this.#view.ready ? this.#view.book : undefined),
      confirmed: () => this.#confirmed(),
    };
    let acquired: Acquired;
    try {
      acquired = await this.#during(acquireLease(request, context, AbortSignal.any([signal, this.#closing.signal])));
    } catch (error) {
      this.#check(what, signal);
      throw error;
    }
    this.#check(what, signal);
    this.#confirmed();
    return this.#keep(hostId, acquired, request.attributes);
  }

  resync(): void {
    if (this.#closed === undefined) this.#view.resync();
  }

  confirmedAt(): number | undefined {
    const [viewed, asked] = [this.#view.confirmedAt, this.#confirmedAt];
    return viewed === undefined || asked === undefined ? (viewed ?? asked) : Math.max(viewed, asked);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#closed$.next();
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.close()));
    await this.#view.close();
    await Promise.allSettled(this.#pending);
    this.#client.close();
  }

  async #find(hostId: string, what: string, signal: AbortSignal): Promise<Lease | undefined> {
    const keys = this.#keys;
    const book = new LeaseBook(keys);
    for (const kv of (await this.#client.range({ key: keys.host(hostId) }, { what, signal })).kvs) book.put(kv);
    const host = book.host(hostId);
    if (host === undefined) return undefined;
    for (const kv of (await this.#client.range({ key: keys.lease(host.name) }, { what, signal })).kvs) book.put(kv);
    const record = book.record(host.name);
    if (record?.attributes === undefined || !speaksOf(host, record)) return undefined;
    return { key: hostId, subnets: record.subnets, attributes: record.attributes };
  }

  #keep(hostId: string, acquired: Acquired, attributes: LeaseAttributes): OwnLease {
    const { clock, logger, ttlSeconds, renewMarginMs } = this.#options;
    let keeper = this.#keepers.get(hostId);
    if (keeper === undefined) {
      const ports = { client: this.#client, keys: this.#keys, view: this.#view, clock, logger };
      keeper = new LeaseKeeper(
        { hostId, agent: this.#agent, ttlSeconds, renewMarginMs, ...ports },
        acquired,
        attributes,
      );
      this.#keepers.set(hostId, keeper);
    } else {
      keeper.adopt(acquired, attributes);
    }
    const kept = keeper;
    return { state$: kept.state$, publish: (published, options) => kept.publish(published, options) };
  }

  #confirmed(): void {
    this.#confirmedAt = this.#options.clock.now();
  }

  async #during<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  #check(what: string, signal: AbortSignal): void {
    if (this.#closed !== undefined) {
      throw new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
    }
    throwIfAborted(what, signal);
  }
}
