import type { Subscription } from 'rxjs';
import { ReplaySubject } from 'rxjs';
import type { Backend, LeftOverPeers, Network, NetworkState } from '../backend.js';
import { endpointIdOf, leaseAs, leadsWith } from '../endpoints.js';
import { errorText } from '../errors.js';
import { sameLease } from '../lease-table/same-lease.js';
import type { Lease } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import { AttributeSource } from './attribute-source.js';
import type { ChangeLog } from './change-log.js';
import type { HostWatch } from './host-watch.js';
import type { Plan } from './plan.js';
import type { RetryPorts } from './retry.js';
import { failureText, retry } from './retry.js';
import type { Deferred } from '../deferred.js';
import { deferred, unlessAborted } from '../deferred.js';

/** What a {@link Carrier} works with, and whom it tells. */
export interface CarrierContext extends RetryPorts {
  readonly host: HostWatch;
  readonly log: ChangeLog;
  /** As of {@link OpenContext.leftOver}. */
  readonly leftOver: (peers: LeftOverPeers) => Promise<void>;
  /** Something that can be seen from outside is another, or there is something else to publish. */
  changed(): void;
}

/**
 * One backend at work for one configuration: what it wants published, and its network once that is open. A host has one,
 * or two while it changes from one to the other. Nothing of its traffic is touched before {@link open}.
 */
export class Carrier {
  readonly #context: CarrierContext;
  readonly #lease$ = new ReplaySubject<Lease>(1);
  readonly #ready: Deferred<void> = deferred();
  #plan: Plan;
  #source: AttributeSource;
  #previous: Lease | undefined;
  #shown: Lease | undefined;
  #own: Lease | undefined;
  #network: Network | undefined;
  #state: NetworkState | undefined;
  #subscription: Subscription | undefined;
  #waiting: string | undefined;
  #everReady = false;
  #closed: Promise<void> | undefined;

  constructor(plan: Plan, context: CarrierContext) {
    this.#plan = plan;
    this.#context = context;
    this.#source = this.#newSource();
  }

  get plan(): Plan {
    return this.#plan;
  }

  get backend(): Backend {
    return this.#plan.backend;
  }

  get netConf(): NetConf {
    return this.#plan.netConf;
  }

  /** What a peer must publish to be reached by it. */
  get id(): string {
    return endpointIdOf(this.#plan.backend);
  }

  /** What it wants published. */
  get source(): AttributeSource {
    return this.#source;
  }

  get network(): Network | undefined {
    return this.#network;
  }

  get state(): NetworkState | undefined {
    return this.#state;
  }

  /** Why there is no open network. */
  get waiting(): string | undefined {
    return this.#waiting;
  }

  /** Whether its devices have been there since it was opened. */
  get everReady(): boolean {
    return this.#everReady;
  }

  /** Takes a configuration of which the backend need not know. */
  reconfigure(netConf: NetConf): void {
    this.#plan = { ...this.#plan, netConf };
  }

  /** Begins to ask what is to be published. `previous`: the lease that the store has for this host. */
  start(previous: Lease | undefined): void {
    this.#previous = previous && leaseAs(previous, this.backend);
    this.#source.start();
  }

  /** A peer's lease as its backend reads it; undefined when that host does not publish its endpoint. */
  viewOf(lease: Lease): Lease | undefined {
    return leaseAs(lease, this.backend);
  }

  /** Whether its endpoint is the primary one of a lease. */
  leads(lease: Lease): boolean {
    return leadsWith(lease, this.backend);
  }

  /** Whether packets to a peer that its network was told of go through it. */
  reaches(key: string): boolean {
    return this.#everReady && (this.#network?.reaches?.(key) ?? true);
  }

  /** The own lease, now or as it has become. */
  follow(lease: Lease): void {
    this.#own = lease;
    this.#show();
  }

  /** Opens the network for the own lease. Rejects when aborted, or with an error that trying again cannot mend. */
  async open(signal: AbortSignal): Promise<void> {
    const { backend } = this;
    const what = `opening backend ${backend.type}`;
    this.#waiting = `backend ${backend.type} is opening`;
    const network = await retry(this.#context, {
      what,
      signal,
      attempt: async () => {
        const { host, leftOver } = this.#context;
        const opening = backend.open({ lease$: this.#lease$, host$: host.host$, leftOver, signal });
        // A network that opens although nobody waits for it any more must not stay open.
        opening.then(
          (late) => (signal.aborted ? late.close() : undefined),
          () => undefined,
        );
        return opening;
      },
      failed: (error, delayMs) => {
        this.#waiting = failureText(what, error, delayMs);
        this.#context.log.warn('open', this.#waiting);
        this.#context.changed();
      },
    });
    this.#waiting = undefined;
    this.#network = network;
    this.#subscription = network.state$.subscribe({
      next: (state) => this.#stateChanged(state),
      error: (error: unknown) =>
        this.#stateChanged({ phase: 'failed', mtu: this.#state?.mtu ?? 0, problem: errorText(error) }),
    });
  }

  /**
   * Opens another plan with the same {@link id} in the place of this one. The data path stays as it is, as in a restart;
   * the state shown does too, until the new network is as far. Rejects when aborted, or with an error that trying again
   * cannot mend; then nothing is open.
   */
  async reopen(plan: Plan, signal: AbortSignal): Promise<void> {
    const before = this.#source;
    const { latest } = before;
    this.#subscription?.unsubscribe();
    before.close();
    await this.#network?.close();
    this.#plan = plan;
    this.#previous = this.#own && leaseAs(this.#own, plan.backend);
    this.#source = this.#newSource(latest);
    this.#source.start();
    this.#show();
    await this.open(signal);
  }

  /** Resolves when the devices of the network are there. */
  ready(signal: AbortSignal): Promise<void> {
    return unlessAborted(this.#ready.promise, `waiting for the network of backend ${this.backend.type}`, signal);
  }

  /** Ends everything but the packets: they keep flowing, unless the network is to be removed. Idempotent. */
  close(options: { readonly remove?: boolean } = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  async #close(options: { readonly remove?: boolean }): Promise<void> {
    this.#source.close();
    this.#subscription?.unsubscribe();
    try {
      await this.#network?.close(options);
    } finally {
      this.#lease$.complete();
    }
  }

  #newSource(latest?: AttributeSource['latest']): AttributeSource {
    const { host, log } = this.#context;
    const { backend } = this.#plan;
    const previous = (): { previous?: Lease } => (this.#previous === undefined ? {} : { previous: this.#previous });
    return new AttributeSource(() => backend.attributes$({ host$: host.host$, ...previous() }), this.#context, {
      log,
      latest,
      changed: () => {
        this.#show();
        this.#context.changed();
      },
    });
  }

  /** What was published is what the network is made for; before it is, what is going to be. */
  #show(): void {
    const own = this.#own;
    if (own === undefined) return;
    const { latest } = this.#source;
    const lease = leaseAs(own, this.backend) ?? (latest && { ...own, attributes: latest });
    if (lease === undefined || (this.#shown && sameLease(this.#shown, lease))) return;
    this.#shown = lease;
    this.#previous = lease;
    this.#lease$.next(lease);
  }

  #stateChanged(state: NetworkState): void {
    if (this.#closed !== undefined) return;
    const { phase, problem, mtu } = state;
    // One that takes the place of another in the same data path is not on its way: that path is there.
    if (phase === 'starting' && this.#everReady && this.#state?.phase === 'ready') return;
    this.#state = state;
    const why = problem === undefined ? '' : `: ${problem}`;
    const subject = `network ${this.id}`;
    if (phase === 'failed') this.#context.log.error(subject, `backend ${this.backend.type} failed${why}`);
    else this.#context.log.info(subject, `backend ${this.backend.type} is ${phase} (MTU ${mtu})${why}`);
    if (phase === 'ready') {
      this.#everReady = true;
      this.#ready.resolve();
    }
    this.#context.changed();
  }
}
