import type { Clock, Lease, LeaseAttributes, PerFamily, Prefix } from '@overlay/core';
import { formatLeaseValue } from '@overlay/core';
import { jittered, subnetsOverlap, subnetsText } from '@overlay/core/store';
import type { Acquired } from '../allocation/acquire-lease.js';
import { leaseTransaction } from '../allocation/lease-transaction.js';
import type { EtcdClient } from '../client/etcd-client.js';
import type { KeyValue } from '../rpc/messages.js';
import type { Agent, HostRecord } from '../store/host-record.js';
import { formatHostRecord } from '../store/host-record.js';
import { LeaseBook } from '../store/lease-book.js';
import type { LeaseRecord } from '../store/lease-record.js';
import type { StoreKeys } from '../store/store-keys.js';
import type { LeaseView } from '../view/lease-view.js';
import type { Finding } from './judge.js';

export interface HoldingOptions {
  readonly hostId: string;
  readonly agent: Agent;
  readonly client: EtcdClient;
  readonly keys: StoreKeys;
  readonly view: LeaseView;
  readonly clock: Clock;
  readonly ttlSeconds: number;
  /** Milliseconds before its end by which the lease is renewed at the latest. */
  readonly renewMarginMs: number;
}

/** What is found in etcd. */
export interface Found extends Finding {
  /** What keeps our IPv6 subnet. */
  readonly guard?: KeyValue;
}

/** An etcd lease that was granted or renewed. */
interface Granted {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

const REVOKE_MS = 1_000;
/** How often a lease is renewed at the least: with etcd away it then lasts nearly its whole time. */
const LONGEST_RENEWAL_MS = 3_600_000;

/** What a host has in etcd, and the single steps that can be done with it. */
export class Holding {
  readonly #options: HoldingOptions;
  #name = '';
  #subnets: PerFamily<Prefix> = {};
  #lease = 0n;
  #expiresAt: number | undefined;
  /** By the clock's `elapsed`: etcd counts the time of a lease, whatever the wall clock is set to. */
  #renewAt: number | undefined;
  #shown: Lease;

  constructor(options: HoldingOptions, acquired: Acquired, attributes: LeaseAttributes) {
    this.#options = options;
    this.#shown = { key: options.hostId, subnets: acquired.subnets, attributes };
    this.adopt(acquired, attributes);
  }

  /** The name of the lease. */
  get name(): string {
    return this.#name;
  }

  get subnets(): PerFamily<Prefix> {
    return this.#subnets;
  }

  /** The etcd lease that everything is with, 0 for a reservation. */
  get lease(): bigint {
    return this.#lease;
  }

  get expiresAt(): number | undefined {
    return this.#expiresAt;
  }

  /** In how many milliseconds the etcd lease is to be renewed; 0 or less: now. Undefined: never, it is a reservation. */
  get renewInMs(): number | undefined {
    return this.#renewAt === undefined ? undefined : this.#renewAt - this.#options.clock.elapsed();
  }

  /** The lease as others see it, as far as it is known: the same object until something of it changes. */
  get shown(): Lease {
    return this.#shown;
  }

  adopt({ name, subnets, lease, expiresAt }: Acquired, attributes: LeaseAttributes): void {
    this.#name = name;
    this.#subnets = subnets;
    this.#lease = lease;
    this.#lasts(expiresAt, this.#options.ttlSeconds);
    this.show(attributes);
  }

  /** This is what it publishes. */
  show(attributes: LeaseAttributes): void {
    const expiresAt = this.#expiresAt;
    const { hostId } = this.#options;
    const shown = this.#shown;
    if (shown.attributes === attributes && shown.subnets === this.#subnets && shown.expiresAt === expiresAt) return;
    this.#shown = { key: hostId, subnets: this.#subnets, attributes, ...(expiresAt !== undefined && { expiresAt }) };
  }

  /** Goes on with another etcd lease. Without an end: a reservation. */
  goOnWith(lease: bigint, expiresAt?: number, ttlSeconds = this.#options.ttlSeconds): void {
    this.#lease = lease;
    this.#lasts(expiresAt, ttlSeconds);
  }

  /** Has the etcd lease begin anew. False when it is gone. @throws OverlayError */
  async renew(signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.#options;
    if (this.#lease === 0n) return true;
    const from = clock.now();
    const ttl = await client.keepAlive(this.#lease, { what: 'renewing the lease', signal });
    if (ttl !== 0) this.#lasts(from + ttl * 1000, ttl);
    return ttl !== 0;
  }

  /** @throws OverlayError */
  async grant(ttlSeconds: number, what: string, signal: AbortSignal): Promise<Granted> {
    const { client, clock } = this.#options;
    const from = clock.now();
    const { id, ttl } = await client.grant(ttlSeconds, { what, signal });
    return { id, ttlSeconds: ttl, expiresAt: from + ttl * 1000 };
  }

  async revoke(id: bigint): Promise<void> {
    const attempt = { what: 'giving back an etcd lease', signal: AbortSignal.timeout(REVOKE_MS) };
    // It ends by itself.
    await this.#options.client.revoke(id, attempt).catch(() => undefined);
  }

  /** What etcd itself says about the lease; of other hosts what the view says. @throws OverlayError */
  async find(signal: AbortSignal): Promise<Found> {
    const { client, keys, hostId, view } = this.#options;
    const ipv6 = this.#subnets.ipv6;
    const reading = [keys.lease(this.#name), keys.host(hostId), ...(ipv6 === undefined ? [] : [keys.guard(ipv6)])];
    const { ranges } = await client.txn(
      { compare: [], success: reading.map((key) => ({ range: { key } })) },
      { what: `looking at the lease of ${subnetsText(this.#subnets)}`, signal },
    );
    const book = new LeaseBook(keys);
    for (const kv of ranges.flatMap(({ kvs }) => kvs)) book.put(kv);
    const others = view.book.hostsOf(this.#name).filter(({ id }) => id !== hostId);
    const guard = ipv6 === undefined ? undefined : book.guard(keys.guard(ipv6));
    return { record: book.record(this.#name), host: book.host(hostId), others, ...(guard && { guard }) };
  }

  /** Another lease that covers ours or a part of it; one of our name is none. @throws OverlayError */
  async overlapping(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    const { view, client, keys } = this.#options;
    let book = view.book;
    if (!view.ready) {
      book = new LeaseBook(keys);
      const attempt = { what: 'looking for other leases of our subnets', signal };
      for (const kv of (await client.range(keys.leases, attempt)).kvs) book.put(kv);
    }
    for (const record of book.records()) {
      if (record.name !== this.#name && subnetsOverlap(record.subnets, this.#subnets)) return record;
    }
    return undefined;
  }

  /** Whether the view shows nothing of others that ends with this etcd lease. */
  nothingWith(lease: bigint): boolean {
    const { view, hostId } = this.#options;
    for (const record of view.book.records()) if (record.lease === lease) return false;
    return view.book.hostsOf(this.#name).every((host) => host.id === hostId || host.lease !== lease);
  }

  /** Writes the lease and the record beside it. False when somebody else wrote meanwhile. @throws OverlayError */
  async write(finding: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<boolean> {
    const { hostId, agent, client, keys } = this.#options;
    const { record, host } = finding;
    const transaction = leaseTransaction(
      {
        ...{ hostId, name: this.#name, subnets: this.#subnets, lease: this.#lease },
        text: formatLeaseValue(attributes),
        hostText: formatHostRecord(this.#name, attributes, agent),
        ...(record && { own: record }),
        ...(host && { host }),
        ...(finding.guard && { guard: finding.guard }),
      },
      keys,
    );
    const attempt = { what: `writing the lease of ${subnetsText(this.#subnets)}`, signal };
    return (await client.txn(transaction, attempt)).succeeded;
  }

  /** Writes the record alone, with an etcd lease of its own. False when somebody else wrote meanwhile. @throws OverlayError */
  async state(host: HostRecord | undefined, text: string, lease: bigint, signal: AbortSignal): Promise<boolean> {
    const { hostId, client, keys } = this.#options;
    const { succeeded } = await client.txn(
      {
        compare: [{ key: keys.host(hostId), modRevision: host?.modRevision ?? 0 }],
        success: [{ put: { key: keys.host(hostId), value: text, lease } }],
      },
      { what: 'stating a conflict', signal },
    );
    return succeeded;
  }

  #lasts(expiresAt: number | undefined, ttlSeconds: number): void {
    this.#expiresAt = expiresAt;
    const { clock, renewMarginMs } = this.#options;
    const lifetimeMs = ttlSeconds * 1000;
    const ms = Math.min(lifetimeMs / 3, LONGEST_RENEWAL_MS, Math.max(lifetimeMs - renewMarginMs, lifetimeMs / 10));
    this.#renewAt = this.#lease === 0n ? undefined : clock.elapsed() + jittered(ms);
    this.show(this.#shown.attributes);
  }
}
