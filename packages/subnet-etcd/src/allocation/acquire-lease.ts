import type { AcquireRequest, Clock, Logger, PerFamily, Prefix } from '@overlay/core';
import { abortError, errorCode, errorText, formatLeaseValue, OverlayError, throwIfAborted } from '@overlay/core';
import { Backoff, wait } from '@overlay/core/store';
import type { EtcdClient } from '../client/etcd-client.js';
import type { Agent } from '../store/host-record.js';
import { formatHostRecord } from '../store/host-record.js';
import type { LeaseBook } from '../store/lease-book.js';
import type { LeaseRecord } from '../store/lease-record.js';
import type { StoreKeys } from '../store/store-keys.js';
import { leaseTransaction } from './lease-transaction.js';
import type { Plan } from './plan.js';
import { planLease } from './plan.js';
import type { Situation } from './situation.js';
import { laterReading, laterSituation, readSituation, situationOf } from './situation.js';

export interface AcquireContext {
  readonly client: EtcdClient;
  readonly keys: StoreKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ttlSeconds: number;
  readonly agent: Agent;
  /** Everything that is in etcd, if somebody keeps it up anyway. It may be behind. */
  readonly known: () => { readonly book: LeaseBook; readonly revision: number } | undefined;
  /** What the store says was read at this moment. */
  readonly confirmed: () => void;
}

/** A lease that this host holds now. */
export interface Acquired {
  readonly name: string;
  readonly subnets: PerFamily<Prefix>;
  readonly lease: bigint;
  /** Milliseconds since the Unix epoch; absent for a reservation. */
  readonly expiresAt?: number;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;
const REVOKE_MS = 1_000;

/**
 * Takes a lease for a host, or finds the one that it has. Tries until it succeeds, the range is full, or the signal is
 * given; trouble with etcd is waited out and logged once.
 *
 * @throws OverlayError `OVERLAY_RANGE_FULL`, `OVERLAY_ABORTED`, `OVERLAY_CLOSED`
 */
export async function acquireLease(
  request: AcquireRequest,
  context: AcquireContext,
  signal: AbortSignal,
): Promise<Acquired> {
  const acquisition = new Acquisition(request, context, signal);
  try {
    return await acquisition.run();
  } finally {
    await acquisition.tidy();
  }
}

/** An etcd lease, and until when it lasts at least. */
interface Granted {
  readonly id: bigint;
  readonly expiresAt: number;
}

class Acquisition {
  readonly #request: AcquireRequest;
  readonly #context: AcquireContext;
  readonly #signal: AbortSignal;
  readonly #what: string;
  /** Granted for this acquisition and not used yet. */
  #granted: Granted | undefined;
  /** What is known, unless it is known to be wrong. */
  #situation: Situation | undefined;
  #round = 0;

  constructor(request: AcquireRequest, context: AcquireContext, signal: AbortSignal) {
    this.#request = request;
    this.#context = context;
    this.#signal = signal;
    this.#what = `acquiring a subnet for host ${request.hostId}`;
  }

  async run(): Promise<Acquired> {
    const { clock, logger, known } = this.#context;
    const backoff = new Backoff(FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS);
    let trouble: string | undefined;
    const view = known();
    if (view !== undefined) this.#situation = situationOf(this.#request, view.book, view.revision);
    for (;;) {
      throwIfAborted(this.#what, this.#signal);
      try {
        const acquired = await this.#attempt();
        if (acquired === undefined) continue;
        if (trouble !== undefined) logger.info(`${this.#what}: done`);
        return acquired;
      } catch (error) {
        if (this.#signal.aborted) throw abortError(this.#what, this.#signal);
        if (errorCode(error)?.startsWith('OVERLAY_STORE_') !== true) throw error;
        this.#situation = undefined;
        // Members fail in turn, each with words of its own: that is no news.
        if (trouble !== errorCode(error)) logger.warn(`${errorText(error)}; trying again`);
        trouble = errorCode(error);
        await wait(clock, backoff.next(), this.#what, this.#signal);
      }
    }
  }

  /** Gives back what was granted in vain. */
  async tidy(): Promise<void> {
    if (this.#granted === undefined) return;
    const { client } = this.#context;
    const attempt = { what: 'giving back an etcd lease', signal: AbortSignal.timeout(REVOKE_MS) };
    // It ends by itself.
    await client.revoke(this.#granted.id, attempt).catch(() => undefined);
  }

  /** One attempt. Undefined when somebody else was quicker. */
  async #attempt(): Promise<Acquired | undefined> {
    const request = this.#request;
    const { hostId, attributes } = request;
    const { keys, client, agent } = this.#context;
    const fresh = this.#situation === undefined;
    const situation = this.#situation ?? (await this.#read());
    this.#situation = undefined;
    // From the second time on by chance: whoever collided once would do so again.
    const plan = planLease(request, situation, this.#round++ === 0 ? hostId : undefined);
    if (plan.kind === 'full') {
      // What is known may be of a while ago, and leases that have gone since were not told.
      if (!fresh) return undefined;
      throw this.#full(plan);
    }
    const { name, subnets } = plan;
    const { own, host, former, guards, occupancy } = situation;
    const granted = own?.name === name ? await this.#leaseOf(own, former.length > 0) : await this.#grant();
    const stale = subnets.ipv6 === undefined ? undefined : guards.get(keys.guard(subnets.ipv6));
    const guard = stale !== undefined && !occupancy.has(stale.value) ? stale : undefined;
    const write = {
      ...{ hostId, name, subnets, former, lease: granted?.id ?? 0n },
      text: formatLeaseValue(attributes),
      hostText: formatHostRecord(name, attributes, agent),
      ...(own && { own }),
      ...(host && { host }),
      ...(guard && { guard }),
    };
    const { header, succeeded, ranges } = await client.txn(
      { ...leaseTransaction(write, keys), failure: laterReading(situation, request, keys) },
      { what: this.#what, signal: this.#signal },
    );
    if (!succeeded) {
      this.#situation = laterSituation(situation, header.revision, ranges, keys);
      return undefined;
    }
    if (this.#granted?.id === granted?.id) this.#granted = undefined;
    return { name, subnets, lease: write.lease, ...(granted && { expiresAt: granted.expiresAt }) };
  }

  /**
   * The etcd lease for a lease that stays: the one that it has, unless somebody else may keep that alive, or it lasts for
   * another time than ours are to. A reservation stays one.
   */
  async #leaseOf(own: LeaseRecord, takenOver: boolean): Promise<Granted | undefined> {
    const { client, clock, ttlSeconds } = this.#context;
    if (own.lease === 0n) return undefined;
    if (takenOver) return this.#grant();
    const from = clock.now();
    const ttl = await client.keepAlive(own.lease, { what: this.#what, signal: this.#signal });
    return ttl === ttlSeconds ? { id: own.lease, expiresAt: from + ttl * 1000 } : this.#grant();
  }

  async #grant(): Promise<Granted> {
    const { client, clock, ttlSeconds } = this.#context;
    if (this.#granted !== undefined) return this.#granted;
    const from = clock.now();
    const { id, ttl } = await client.grant(ttlSeconds, { what: this.#what, signal: this.#signal });
    return (this.#granted = { id, expiresAt: from + ttl * 1000 });
  }

  async #read(): Promise<Situation> {
    const { client, keys, confirmed } = this.#context;
    const attempt = { what: this.#what, signal: this.#signal };
    const situation = await readSituation(this.#request, client, keys, attempt);
    confirmed();
    return situation;
  }

  #full({ family, held }: Extract<Plan, { kind: 'full' }>): OverlayError {
    const conf = this.#request.netConf[family];
    const range = `/${conf?.subnetLen} from ${conf?.subnetMin} to ${conf?.subnetMax}`;
    return new OverlayError(
      'OVERLAY_RANGE_FULL',
      `${this.#what}: no ${range} is free, ${held} subnets are held; remove leases of hosts that are gone, or widen the network`,
    );
  }
}
