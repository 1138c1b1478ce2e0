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
import { hostIdError, LeaseKeeper, Lifetime, sameSubnets } from '@overlay/core/store';
import { Observable, ReplaySubject, share, takeUntil } from 'rxjs';
import type { Acquired } from './allocation/acquire-lease.js';
import { acquireLease } from './allocation/acquire-lease.js';
import { releaseLease } from './allocation/release-lease.js';
import { EtcdClient } from './client/etcd-client.js';
import type { CompleteOptions, EtcdSubnetManagerOptions } from './options.js';
import { completeOptions } from './options.js';
import { EtcdLeaseMender } from './own/lease-mender.js';
import type { Agent } from './store/host-record.js';
import { isHostName, speaksOf } from './store/host-record.js';
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
  readonly #own = new Map<string, { readonly mender: EtcdLeaseMender; readonly keeper: LeaseKeeper }>();
  readonly #life = new Lifetime();
  #confirmedAt: number | undefined;

  /** @throws OverlayError `OVERLAY_OPTION_INVALID` */
  constructor(options: EtcdSubnetManagerOptions) {
    this.#options = completeOptions(options);
    const { clock, logger, confirmMs } = this.#options;
    this.#keys = new StoreKeys(this.#options.prefix);
    this.#client = new EtcdClient(this.#options);
    this.#agent = { agent: randomUUID(), since: clock.now() };
    const [client, keys] = [this.#client, this.#keys];
    this.#view = new LeaseView({ client, keys, clock, logger, confirmMs });
    this.config$ = storedConfig(this.#view, keys).pipe(
      takeUntil(this.#life.ended$),
      share({ connector: () => new ReplaySubject<ConfigEvent>(1), resetOnRefCountZero: true }),
    );
    this.leases$ = new Observable<LeaseEvent>((subscriber) => {
      this.#view.start();
      if (this.#view.ready && !this.#life.closed) subscriber.next(this.#view.snapshot());
      return this.#view.events.subscribe(subscriber);
    });
  }

  /** @throws OverlayError also `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED` when etcd cannot be asked now */
  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const what = `looking for the lease of host ${hostId}`;
    return this.#life.ask(what, signal, (either) => this.#find(hostId, what, either));
  }

  async acquire(request: AcquireRequest, { signal }: { readonly signal: AbortSignal }): Promise<OwnLease> {
    const { hostId, attributes } = request;
    const what = `acquiring a subnet for host ${hostId}`;
    if (!isHostName(hostId)) throw hostIdError(what);
    const { clock, logger, ttlSeconds } = this.#options;
    const context = {
      ...{ client: this.#client, keys: this.#keys, clock, logger, ttlSeconds, agent: this.#agent },
      known: () => this.#view.known(),
      confirmed: () => this.#confirmed(),
    };
    const acquired = await this.#life.ask(what, signal, (either) => acquireLease(request, context, either));
    this.#confirmed();
    return this.#keep(hostId, acquired, attributes);
  }

  /**
   * Gives up what a host holds, for others to take at once: the lease that its record names, with all that is beside it. A
   * reservation stays for whom it was made for, only the record goes. A lease of which no record speaks (flanneld's) is not
   * touched. Not for a host whose lease is being kept by an agent, which would write it again.
   *
   * @throws OverlayError `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED`, `OVERLAY_ABORTED`, `OVERLAY_CLOSED`
   */
  async release(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const what = `releasing the lease of host ${hostId}`;
    await this.#life.ask(what, signal, async (either) => {
      // Somebody may write in between; then it is looked at anew.
      while (!(await releaseLease(hostId, { client: this.#client, keys: this.#keys, what, signal: either })));
    });
  }

  resync(): void {
    if (!this.#life.closed) this.#view.resync();
  }

  confirmedAt(): number | undefined {
    const [viewed, asked] = [this.#view.confirmedAt, this.#confirmedAt];
    return viewed === undefined || asked === undefined ? (viewed ?? asked) : Math.max(viewed, asked);
  }

  close(): Promise<void> {
    return this.#life
      .end(async () => {
        await Promise.all([...this.#own.values()].map(({ keeper }) => keeper.close()));
        await this.#view.close();
      })
      .finally(() => this.#client.close());
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
    let own = this.#own.get(hostId);
    if (own === undefined) {
      const { clock, logger, ttlSeconds, renewMarginMs } = this.#options;
      const [client, keys, view, agent] = [this.#client, this.#keys, this.#view, this.#agent];
      const ports = { hostId, agent, client, keys, view, clock, logger, ttlSeconds, renewMarginMs };
      const mender = new EtcdLeaseMender(ports, acquired, attributes);
      const keeper = new LeaseKeeper({ mender, attributes, view, touched$: view.touched, isOwn, clock, logger });
      own = { mender, keeper };
      this.#own.set(hostId, own);
    } else {
      own.mender.adopt(acquired, attributes);
      own.keeper.adopt(attributes);
    }
    const { keeper } = own;
    return { state$: keeper.state$, publish: (published, options) => keeper.publish(published, options) };
  }

  #confirmed(): void {
    this.#confirmedAt = this.#options.clock.now();
  }
}

/** One with the same subnets is the same lease, and whose it is shows when that is mended. */
function isOwn(own: Lease, other: Lease): boolean {
  return sameSubnets(own.subnets, other.subnets);
}
