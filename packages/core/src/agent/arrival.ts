import { errorText, throwIfAborted } from '../errors.js';
import type { Lease, LeaseAttributes } from '../lease.js';
import type { OwnLeaseState } from '../subnet-manager.js';
import type { Carrier } from './carrier.js';
import type { Exchange, ExchangeParts } from './exchange.js';
import { failureText, retry } from './retry.js';
import type { Attempt } from './succession-context.js';
import type { Tenancy } from './tenancy.js';

/** What an {@link Arrival} works on, and whom it tells. */
export interface ArrivalParts extends Omit<ExchangeParts, 'tenancy' | 'informed'> {
  readonly exchange: Exchange;
  /** What is published, or which networks are open, may have to be another. */
  look(): void;
}

/** A host's way into the cluster: it takes a lease, opens its network, and has the peers put into it. */
export class Arrival {
  readonly #parts: ArrivalParts;
  #tenancy: Tenancy | undefined;
  #waitsForHost = false;
  #joined = false;
  #arrived = false;
  #snapshotApplied = false;

  constructor(parts: ArrivalParts) {
    this.#parts = parts;
  }

  /** The lease, held or being taken. */
  get tenancy(): Tenancy | undefined {
    return this.#tenancy;
  }

  /** Whether there is no lease because a backend has not said what to publish, for which it needs the host. */
  get waitsForHost(): boolean {
    return this.#waitsForHost;
  }

  /** Whether the network is open. */
  get arrived(): boolean {
    return this.#arrived;
  }

  /** Whether the first snapshot of peers is in the networks, as far as it goes at the first try. */
  get snapshotApplied(): boolean {
    return this.#snapshotApplied;
  }

  /**
   * From nothing: takes a lease, then opens the network, or the two of a change that an earlier run had begun. Rejects
   * when that does not come to be; then nothing is open.
   */
  async begin({ plan, ending }: Attempt): Promise<void> {
    const { context, carriage, exchange } = this.#parts;
    const { signal } = ending;
    const tenancy = context.createTenancy((lease) => this.#leaseChanged(lease));
    this.#tenancy = tenancy;
    const target = context.createCarrier(plan);
    carriage.target = target;
    try {
      const previous = await tenancy.previous(signal);
      const former = context.former(plan, previous);
      if (former) this.#resume(target, context.createCarrier(former.plan), former.changes, previous);
      await this.#join(tenancy, previous, signal);
      this.#joined = true;
      this.#leaseChanged((tenancy.state as OwnLeaseState).lease);
      await Promise.all(carriage.carriers.map((carrier) => carrier.open(signal)));
      this.#arrived = true;
    } catch (error) {
      await this.#discard();
      throw error;
    }
    void this.#attach();
    if (carriage.transition) void exchange.announceWhenReady(carriage.transition);
  }

  /** Goes on with a change between two configurations, as far as peers know of it by the lease that the store has. */
  #resume(target: Carrier, older: Carrier, changes: readonly string[], previous: Lease | undefined): void {
    const known = [target, older].filter((carrier) => previous && carrier.viewOf(previous) !== undefined);
    const leads = previous !== undefined && target.leads(previous);
    const announced = known.length > 0 ? known : [older];
    this.#parts.exchange.begin({ newer: target, older, primary: leads ? target : older, announced, changes });
    this.#parts.context.log.info('resume', `going on from ${older.id} to ${target.id}, as recorded`);
  }

  async #join(tenancy: Tenancy, previous: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { carriage } = this.#parts;
    const { carriers } = carriage;
    this.#waitsForHost = true;
    tenancy.waitsFor(
      `what backend ${carriers.map(({ backend }) => backend.type).join(' and ')} publishes for this host`,
    );
    for (const carrier of carriers) carrier.start(previous);
    await Promise.all(carriers.map(({ source }) => source.first(signal)));
    this.#waitsForHost = false;
    const attributes = (): LeaseAttributes =>
      (carriage.transition?.attributes ?? carriers[0].source.latest) as LeaseAttributes;
    await tenancy.acquire(carriers[0].netConf, attributes, signal);
    throwIfAborted('taking a configuration', signal);
  }

  /** Leads the peers to the networks, all of which get them in one turn: what one does not want may be another's. */
  async #attach(): Promise<void> {
    const { context, carriage, distribution, exchange, signal } = this.#parts;
    const { feed, log } = context;
    const what = 'applying the leases';
    try {
      if (!signal.aborted) carriage.aim(undefined);
      await feed.attach((update) => distribution.apply(update), signal);
      this.#parts.look();
      await retry(context, {
        what: 'applying the first snapshot of leases',
        signal,
        attempt: async () => {
          await Promise.all(carriage.networks.map((network) => network.settled({ signal })));
        },
        failed: (error, delayMs) => log.warn('settle', failureText(what, error, delayMs)),
      });
    } catch (error) {
      // Closing is the only way out of waiting for the first snapshot.
      if (!signal.aborted) log.error('settle', `${what}: ${errorText(error)}`);
      return;
    }
    this.#snapshotApplied = true;
    // Until here the record names networks in which there may be something of ours that is not wanted any more.
    exchange.rememberSoon();
    this.#parts.look();
  }

  #leaseChanged(lease: Lease): void {
    if (!this.#joined) return;
    for (const carrier of this.#parts.carriage.carriers) carrier.follow(lease);
    this.#parts.context.tookEffect();
  }

  /** Nothing came of it. */
  async #discard(): Promise<void> {
    const { carriage, exchange } = this.#parts;
    const { carriers } = carriage;
    carriage.transition?.close();
    carriage.transition = undefined;
    carriage.target = undefined;
    this.#tenancy?.close();
    this.#tenancy = undefined;
    this.#joined = false;
    this.#waitsForHost = false;
    for (const carrier of carriers) {
      await carrier.close().catch((error: unknown) => exchange.trouble('closing what did not open', error));
    }
  }
}
