import type { Subscription } from 'rxjs';
import { ReplaySubject } from 'rxjs';
import type { Backend, Network, NetworkState } from '../backend.js';
import { errorText } from '../errors.js';
import type { Lease, LeaseAttributes, PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { Prefix } from '../address/index.js';
import { sameLease } from '../lease-table/same-lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { OwnLease, OwnLeaseState, SubnetManager } from '../subnet-manager.js';
import { AttributePublisher } from './attribute-publisher.js';
import type { ChangeLog } from './change-log.js';
import type { HostWatch } from './host-watch.js';
import type { LeaseFeed } from './lease-feed.js';
import type { RetryPorts } from './retry.js';
import { retry } from './retry.js';
import { firstValue } from './waiting.js';

/** What a {@link Dataplane} works with, and whom it tells. */
export interface DataplaneContext extends RetryPorts {
  readonly hostId: string;
  readonly host: HostWatch;
  readonly feed: LeaseFeed;
  readonly subnetManager: SubnetManager;
  readonly log: ChangeLog;
  /** The subnets that the host had before by its own record. */
  wantedSubnets(signal: AbortSignal): Promise<PerFamily<Prefix> | undefined>;
  /** Something that can be seen from outside is another. */
  changed(): void;
  /** The own lease has other subnets or attributes. */
  leaseChanged(lease: Lease): void;
}

/**
 * One backend at work for one configuration: it joins the cluster with a lease, then opens a network for it. Nothing of
 * the host's traffic is touched before {@link open}, so that one can join while another still carries.
 */
export class Dataplane {
  readonly backend: Backend;
  readonly #context: DataplaneContext;
  readonly #publisher: AttributePublisher;
  readonly #ending = new AbortController();
  readonly #lease$ = new ReplaySubject<Lease>(1);
  #netConf: NetConf;
  #own: OwnLease | undefined;
  #ownState: OwnLeaseState | undefined;
  #ownSubscription: Subscription | undefined;
  #network: Network | undefined;
  #networkState: NetworkState | undefined;
  #networkSubscription: Subscription | undefined;
  #previous: Lease | undefined;
  #leaseWaiting = 'the lease that this host held before';
  #networkWaiting: string | undefined;
  #snapshotApplied = false;
  #waitsForHost = false;
  #closed: Promise<void> | undefined;

  constructor(netConf: NetConf, backend: Backend, context: DataplaneContext) {
    this.#netConf = netConf;
    this.backend = backend;
    this.#context = context;
    this.#publisher = new AttributePublisher(
      () => backend.attributes$({ host$: context.host.host$, ...this.#previousLease() }),
      context,
      { log: context.log, changed: () => context.changed() },
    );
  }

  /** The lease held, and what is wrong with holding it. */
  get own(): OwnLeaseState | undefined {
    return this.#ownState;
  }

  /** Whether nothing can be acquired because the backend has not said what to publish, for which it needs the host. */
  get waitsForHost(): boolean {
    return this.#waitsForHost;
  }

  /** Why there is no lease yet. */
  get leaseWaiting(): string | undefined {
    if (this.#ownState !== undefined) return undefined;
    const waiting = this.#publisher.problem ?? this.#leaseWaiting;
    const { host } = this.#context.host;
    const without = FAMILIES.filter((family) => this.#netConf[family] && host !== undefined && !host[family]);
    if (without.length === 0) return waiting;
    const names = without.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6')).join(' or ');
    return `${waiting} (interface ${host?.interface.name} has no ${names} address)`;
  }

  /** What keeps peers from being told how to reach this host. */
  get publishProblem(): string | undefined {
    return this.#ownState === undefined ? undefined : this.#publisher.problem;
  }

  get network(): Network | undefined {
    return this.#network;
  }

  get networkState(): NetworkState | undefined {
    return this.#networkState;
  }

  /** Why there is no open network. */
  get networkWaiting(): string | undefined {
    return this.#networkWaiting;
  }

  /** Whether the first snapshot of peers is in the network, as far as it goes at the first try. */
  get snapshotApplied(): boolean {
    return this.#snapshotApplied;
  }

  /** Takes a configuration that moves no traffic in the place of the present one. */
  reconfigure(netConf: NetConf): void {
    this.#netConf = netConf;
  }

  /** Takes a lease for this host. Rejects when aborted, or with an error that trying again cannot mend. */
  async join(signal: AbortSignal): Promise<void> {
    const { hostId, subnetManager } = this.#context;
    const wanted = this.#context.wantedSubnets(signal);
    wanted.catch(() => undefined);
    this.#previous = await this.#retried('reading the lease that this host held', signal, () =>
      subnetManager.previous(hostId, { signal }),
    );
    this.#leaseWaiting = `what backend ${this.backend.type} publishes for this host`;
    this.#waitsForHost = true;
    this.#context.changed();
    this.#publisher.start();
    await this.#publisher.latest(signal);
    this.#waitsForHost = false;
    this.#leaseWaiting = 'a lease for this host';
    this.#context.changed();
    await this.#acquire(signal, await wanted);
  }

  /** Opens the network for the lease. Rejects when aborted, or with an error that trying again cannot mend. */
  async open(signal: AbortSignal): Promise<void> {
    const { backend } = this;
    this.#networkWaiting = `backend ${backend.type} is opening`;
    const opened = await retry(this.#context, {
      what: `opening backend ${backend.type}`,
      signal,
      attempt: async () => {
        const opening = backend.open({ lease$: this.#lease$, host$: this.#context.host.host$, signal });
        // A network that opens although nobody waits for it any more must not stay open.
        opening.then(
          (network) => (signal.aborted ? network.close() : undefined),
          () => undefined,
        );
        return opening;
      },
      failed: (error, delayMs) => {
        this.#networkWaiting = failure(`opening backend ${backend.type}`, error, delayMs);
        this.#context.log.warn('open', this.#networkWaiting);
        this.#context.changed();
      },
    });
    this.#networkWaiting = undefined;
    this.#network = opened;
    this.#networkSubscription = opened.state$.subscribe({
      next: (state) => this.#stateChanged(state),
      error: (error: unknown) =>
        this.#stateChanged({ phase: 'failed', mtu: this.#networkState?.mtu ?? 0, problem: errorText(error) }),
    });
    void this.#applySnapshot(opened);
  }

  /** Publishes nothing more, so that another dataplane may publish for this host. */
  hold(): void {
    this.#publisher.hold();
  }

  /** Takes the lease back as it was before {@link hold}, after another dataplane did not come to be. */
  async resume(signal: AbortSignal): Promise<void> {
    await this.#acquire(signal, this.#ownState?.lease.subnets);
  }

  /** Ends everything but the packets: they keep flowing. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    if (this.#network !== undefined) this.#context.feed.detach(this.#network);
    this.#publisher.close();
    this.#ownSubscription?.unsubscribe();
    this.#networkSubscription?.unsubscribe();
    try {
      await this.#network?.close();
    } finally {
      this.#lease$.complete();
    }
  }

  async #applySnapshot(network: Network): Promise<void> {
    const { signal } = this.#ending;
    try {
      await this.#context.feed.attach(network, signal);
      await retry(this.#context, {
        what: 'applying the first snapshot of leases',
        signal,
        attempt: () => network.settled({ signal }),
        failed: (error, delayMs) => this.#context.log.warn('settle', failure('applying the leases', error, delayMs)),
      });
    } catch (error) {
      // Closing is the only way out of waiting for the first snapshot.
      if (!signal.aborted) this.#context.log.error('settle', `applying the leases: ${errorText(error)}`);
      return;
    }
    this.#snapshotApplied = true;
    this.#context.changed();
  }

  async #acquire(signal: AbortSignal, wanted: PerFamily<Prefix> | undefined): Promise<void> {
    const { hostId, subnetManager } = this.#context;
    let attributes: LeaseAttributes | undefined;
    const own = await this.#retried('acquiring a lease', signal, async () => {
      attributes = await this.#publisher.latest(signal);
      const request = { hostId, netConf: this.#netConf, attributes, ...(wanted && { wanted }) };
      return subnetManager.acquire(request, { signal });
    });
    await this.#follow(own, signal);
    this.#publisher.publishWith(own, attributes as LeaseAttributes);
  }

  async #follow(own: OwnLease, signal: AbortSignal): Promise<void> {
    this.#ownSubscription?.unsubscribe();
    this.#own = own;
    const first = firstValue(own.state$, 'reading the acquired lease', signal);
    this.#ownStateChanged(own, await first);
    this.#ownSubscription = own.state$.subscribe({
      next: (state) => this.#ownStateChanged(own, state),
      error: (error: unknown) => {
        if (this.#ownState === undefined) return;
        this.#ownStateChanged(own, { ...this.#ownState, problem: `no longer followed: ${errorText(error)}` });
      },
    });
  }

  #ownStateChanged(own: OwnLease, state: OwnLeaseState): void {
    if (own !== this.#own || this.#closed !== undefined) return;
    const before = this.#ownState;
    this.#ownState = state;
    const subnets = FAMILIES.flatMap((family) => state.lease.subnets[family] ?? []).join(', ');
    if (state.problem === undefined) {
      this.#context.log.over('own-lease-problem', `the lease of ${subnets} is in order again`);
    } else {
      this.#context.log.warn('own-lease-problem', `the lease of ${subnets}: ${state.problem}`);
    }
    if (before === undefined || !sameLease(before.lease, state.lease)) {
      this.#context.log.info('own-lease', `holding the lease of ${subnets}`);
      this.#lease$.next(state.lease);
      this.#context.leaseChanged(state.lease);
    }
    this.#context.changed();
  }

  #stateChanged(state: NetworkState): void {
    this.#networkState = state;
    const { phase, problem, mtu } = state;
    const why = problem === undefined ? '' : `: ${problem}`;
    if (phase === 'failed') this.#context.log.error('network', `backend ${this.backend.type} failed${why}`);
    else this.#context.log.info('network', `backend ${this.backend.type} is ${phase} (MTU ${mtu})${why}`);
    this.#context.changed();
  }

  #previousLease(): { previous?: Lease } {
    const previous = this.#ownState?.lease ?? this.#previous;
    return previous === undefined ? {} : { previous };
  }

  #retried<T>(what: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    return retry(this.#context, {
      what,
      signal,
      attempt,
      failed: (error, delayMs) => {
        this.#leaseWaiting = failure(what, error, delayMs);
        this.#context.log.warn('lease', this.#leaseWaiting);
        this.#context.changed();
      },
    });
  }
}

function failure(what: string, error: unknown, delayMs: number): string {
  return `${what} failed, tried again after ${Math.max(1, Math.round(delayMs / 1000))} s: ${errorText(error)}`;
}
