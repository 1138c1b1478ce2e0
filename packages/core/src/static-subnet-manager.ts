import { BehaviorSubject, Observable, Subject } from 'rxjs';
import { prefixContains, prefixesOverlap } from './address/index.js';
import type { Family, Prefix } from './address/index.js';
import { OverlayError, throwIfAborted } from './errors.js';
import { sameLease } from './lease-table/same-lease.js';
import type { Lease, LeaseAttributes, LeaseEvent, PerFamily } from './lease.js';
import { FAMILIES } from './lease.js';
import type { FamilyConf, NetConf } from './net-conf/index.js';
import type { Clock } from './ports/clock.js';
import { systemClock } from './ports/clock.js';
import { pickSubnet, subnetFits } from './subnet-picker.js';
import type { AcquireRequest, ConfigEvent, OwnLease, OwnLeaseState, SubnetManager } from './subnet-manager.js';

/** What a {@link StaticSubnetManager} begins with. */
export interface StaticSubnetManagerOptions {
  readonly netConf: NetConf;
  /** The leases of other hosts, and of this one where it is to have certain subnets; its key is then the host's id. */
  readonly leases?: Iterable<Lease>;
  readonly clock?: Clock;
}

/**
 * Leases in memory: what a program tells it, and what the agents of this process acquire from it. Several agents may
 * share one; two of them know nothing of each other. The key of an acquired lease is the host's id.
 *
 * A lease that the program gives for a host's id is that host's, as far as it lies inside the network. A lease that is
 * held cannot be lost: when the program deletes it, or leaves it out, it is there again at once unless somebody else
 * has its subnets by then, which its holder is told of.
 */
export class StaticSubnetManager implements SubnetManager {
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;
  readonly #configs: BehaviorSubject<ConfigEvent>;
  readonly #events = new Subject<LeaseEvent>();
  readonly #clock: Clock;
  readonly #leases = new Map<string, Lease>();
  /** Keys of leases that were given by the program, whose shape is not ours to judge. */
  readonly #given = new Set<string>();
  readonly #holders = new Map<string, BehaviorSubject<OwnLeaseState>>();
  #closed = false;

  constructor(options: StaticSubnetManagerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#configs = new BehaviorSubject<ConfigEvent>({ type: 'config', netConf: options.netConf });
    this.config$ = this.#configs.asObservable();
    this.leases$ = new Observable((subscriber) => {
      if (!this.#closed) subscriber.next(this.#snapshot());
      return this.#events.subscribe(subscriber);
    });
    for (const lease of options.leases ?? []) this.#give(lease);
  }

  /** Takes another configuration. */
  setNetConf(netConf: NetConf): void {
    this.#configs.next({ type: 'config', netConf });
  }

  /** Puts a lease in the place of the one of its key, if any. */
  set(lease: Lease): void {
    this.#give(lease);
    this.#followHolders();
    this.#events.next({ type: 'changes', changes: [{ type: 'set', lease }] });
  }

  /** Removes the lease of a key, if there is one. */
  delete(key: string): void {
    this.#given.delete(key);
    if (!this.#leases.delete(key)) return;
    this.#followHolders();
    const lease = this.#leases.get(key);
    this.#events.next({ type: 'changes', changes: [lease ? { type: 'set', lease } : { type: 'delete', key }] });
  }

  /** Puts these leases in the place of all that there are. */
  replace(leases: Iterable<Lease>): void {
    this.#leases.clear();
    this.#given.clear();
    for (const lease of leases) this.#give(lease);
    this.#followHolders();
    this.#events.next(this.#snapshot());
  }

  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const what = `reading the lease of host ${hostId}`;
    this.#throwIfClosed(what);
    throwIfAborted(what, signal);
    return this.#leases.get(hostId);
  }

  async acquire(request: AcquireRequest, { signal }: { readonly signal: AbortSignal }): Promise<OwnLease> {
    const { hostId, attributes } = request;
    const what = `acquiring a lease for host ${hostId}`;
    this.#throwIfClosed(what);
    throwIfAborted(what, signal);
    const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
    for (const family of FAMILIES) {
      const conf = request.netConf[family];
      if (conf !== undefined) subnets[family] = this.#subnetFor(request, family, conf);
    }
    const lease: Lease = { key: hostId, subnets, attributes };
    const state$ = this.#holders.get(hostId) ?? new BehaviorSubject<OwnLeaseState>({ lease });
    this.#holders.set(hostId, state$);
    this.#write(lease, state$);
    return {
      state$: state$.asObservable(),
      publish: async (published, options) => this.#publish(hostId, published, options.signal),
    };
  }

  resync(): void {
    if (!this.#closed) this.#events.next(this.#snapshot());
  }

  /** Now: this memory is the store. */
  confirmedAt(): number {
    return this.#clock.now();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#configs.complete();
    this.#events.complete();
    for (const state$ of this.#holders.values()) state$.complete();
  }

  #publish(hostId: string, attributes: LeaseAttributes, signal: AbortSignal): void {
    const what = `publishing the attributes of host ${hostId}`;
    this.#throwIfClosed(what);
    throwIfAborted(what, signal);
    const state$ = this.#holders.get(hostId);
    // One that lost its subnets to somebody has nothing to publish with; its holder has been told.
    if (state$ === undefined || !this.#leases.has(hostId)) return;
    this.#write({ ...state$.value.lease, attributes }, state$);
  }

  /** Writes a held lease; nobody is told of one that means the same as before. */
  #write(lease: Lease, state$: BehaviorSubject<OwnLeaseState>): void {
    const before = this.#leases.get(lease.key);
    if (before !== undefined && sameLease(before, lease)) {
      state$.next({ lease: before });
      return;
    }
    this.#leases.set(lease.key, lease);
    state$.next({ lease });
    this.#events.next({ type: 'changes', changes: [{ type: 'set', lease }] });
  }

  #subnetFor({ hostId, wanted }: AcquireRequest, family: Family, conf: FamilyConf): Prefix {
    const held = this.#leases.get(hostId)?.subnets[family];
    if (this.#given.has(hostId)) {
      if (held !== undefined && prefixContains(conf.network, held)) return held;
      throw new OverlayError(
        'OVERLAY_LEASE_INVALID',
        `acquiring a lease for host ${hostId}: it was given ${held ?? `no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} subnet`}, ` +
          `which is not in the network ${conf.network}; give it another one`,
      );
    }
    if (held !== undefined && subnetFits(conf, held)) return held;
    const taken = this.#taken(hostId, family);
    const want = wanted?.[family];
    if (want !== undefined && subnetFits(conf, want) && !taken.some((prefix) => prefixesOverlap(prefix, want))) {
      return want;
    }
    const free = pickSubnet(conf, taken, hostId);
    if (free !== undefined) return free;
    throw new OverlayError(
      'OVERLAY_RANGE_FULL',
      `acquiring a lease for host ${hostId}: every /${conf.subnetLen} from ${conf.subnetMin} to ${conf.subnetMax} is ` +
        'taken; widen the network, or remove leases that are not used',
    );
  }

  #taken(hostId: string, family: Family): Prefix[] {
    const taken: Prefix[] = [];
    for (const { key, subnets } of this.#leases.values()) {
      const subnet = subnets[family];
      if (key !== hostId && subnet !== undefined) taken.push(subnet);
    }
    return taken;
  }

  /** Tells holders what has become of their leases, and puts back those that are gone. */
  #followHolders(): void {
    for (const [key, state$] of this.#holders) {
      const { lease } = state$.value;
      const now = this.#leases.get(key);
      if (now !== undefined) {
        if (now !== lease) state$.next({ lease: now });
        continue;
      }
      const taker = [...this.#leases.values()].find((other) => overlapping(other.subnets, lease.subnets));
      if (taker !== undefined) {
        state$.next({ lease, problem: `it is not in the store any more, and lease ${taker.key} has its subnet` });
      } else {
        this.#leases.set(key, lease);
        state$.next({ lease });
      }
    }
  }

  #give(lease: Lease): void {
    this.#leases.set(lease.key, lease);
    this.#given.add(lease.key);
  }

  #snapshot(): LeaseEvent {
    return { type: 'snapshot', leases: [...this.#leases.values()] };
  }

  #throwIfClosed(what: string): void {
    if (this.#closed) throw new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed; make a new one`);
  }
}

function overlapping(a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean {
  return FAMILIES.some((family) => {
    const one = a[family];
    const other = b[family];
    return one !== undefined && other !== undefined && prefixesOverlap(one, other);
  });
}
