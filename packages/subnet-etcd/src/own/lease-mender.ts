import type { Clock, LeaseAttributes, Logger, PerFamily, Prefix } from '@overlay/core';
import { formatLeaseValue } from '@overlay/core';
import { addressText, Patience, subnetsOverlap, subnetsText } from '@overlay/core/store';
import type { Acquired } from '../allocation/acquire-lease.js';
import { leaseTransaction } from '../allocation/lease-transaction.js';
import type { EtcdClient } from '../client/etcd-client.js';
import type { KeyValue } from '../rpc/messages.js';
import type { Agent, HostRecord } from '../store/host-record.js';
import { formatHostRecord, speaksOf } from '../store/host-record.js';
import { LeaseBook } from '../store/lease-book.js';
import type { LeaseRecord } from '../store/lease-record.js';
import type { StoreKeys } from '../store/store-keys.js';
import type { LeaseView } from '../view/lease-view.js';
import type { Belief, Finding, Verdict } from './judge.js';
import { judge } from './judge.js';

export interface LeaseMenderOptions {
  readonly hostId: string;
  readonly agent: Agent;
  readonly client: EtcdClient;
  readonly keys: StoreKeys;
  readonly view: LeaseView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ttlSeconds: number;
}

/** What came of an attempt to bring etcd to what it should be. */
export type Outcome =
  /** Nothing is left to do at present; `problem` is what stands against the lease, `lost` that another host has it. */
  | { readonly kind: 'done'; readonly problem?: string; readonly lost?: true }
  /** To be tried again. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly problem?: string };

/** What is found in etcd. */
interface Found extends Finding {
  /** What keeps our IPv6 subnet. */
  readonly guard?: KeyValue;
}

/** How long a host that lost its lease to another one says so after it has ended: the etcd lease of that statement. */
const CLAIM_SECONDS = 60;
const REVOKE_MS = 1_000;
/** Before looking again when somebody else wrote in the same moment. */
const COLLIDED_MS = 20;

/** What a host has in etcd, and the steps that bring it to what it should have. One step at a time. */
export class LeaseMender {
  readonly #options: LeaseMenderOptions;
  readonly #patience: Patience;
  #name = '';
  #subnets: PerFamily<Prefix> = {};
  #lease = 0n;
  #expiresAt: number | undefined;
  #lifetimeSeconds: number;
  #published: LeaseAttributes | undefined;
  /** Revisions of the lease and of the record beside it when they were last as they should be. */
  #settled: { readonly lease: number; readonly host: number } | undefined;
  /** While another host has our lease: the etcd lease of our statement that it is ours. */
  #claiming = false;
  /** A new one was granted and is in no use yet. */
  #fresh = false;

  constructor(options: LeaseMenderOptions, acquired: Acquired) {
    this.#options = options;
    this.#patience = new Patience(options.clock);
    this.#lifetimeSeconds = options.ttlSeconds;
    this.adopt(acquired);
  }

  get subnets(): PerFamily<Prefix> {
    return this.#subnets;
  }

  get expiresAt(): number | undefined {
    return this.#expiresAt;
  }

  /** What is in etcd, as far as it was written from here. */
  get published(): LeaseAttributes | undefined {
    return this.#published;
  }

  get lifetimeSeconds(): number {
    return this.#lifetimeSeconds;
  }

  adopt({ name, subnets, lease, expiresAt }: Acquired): void {
    this.#name = name;
    this.#subnets = subnets;
    this.#lease = lease;
    this.#expiresAt = expiresAt;
    this.#lifetimeSeconds = this.#options.ttlSeconds;
    this.#claiming = false;
    this.#fresh = false;
    this.#settled = undefined;
    this.#published = undefined;
  }

  /** What the view shows of the lease, as a text that is another when anything of it is. */
  picture(): string {
    const { view, hostId } = this.#options;
    const { book } = view;
    const others = book.hostsOf(this.#name).map(({ id, modRevision }) => `${id} ${modRevision}`);
    return [view.ready, book.record(this.#name)?.modRevision, book.host(hostId)?.modRevision, ...others.sort()].join();
  }

  /** Whether the view, which may be a little behind, shows everything as it should be. */
  isInOrder(attributes: LeaseAttributes): boolean {
    const { view, hostId } = this.#options;
    const { book } = view;
    if (!view.ready) return true;
    const [record, host] = [book.record(this.#name), book.host(hostId)];
    const others = book.hostsOf(this.#name).some(({ id }) => id !== hostId);
    if (this.#claiming || others || record === undefined || host === undefined) return false;
    return record.lease === this.#lease && this.#isWritten({ record, host, others: [] }, attributes);
  }

  /** Has the etcd lease begin anew. One that is gone shows when the lease is looked at. @throws OverlayError */
  async renew(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    if (this.#lease === 0n) return;
    const from = clock.now();
    const ttl = await client.keepAlive(this.#lease, { what: 'renewing the lease', signal });
    if (ttl === 0) return;
    this.#expiresAt = from + ttl * 1000;
    this.#lifetimeSeconds = ttl;
  }

  /** One look at etcd and at most one write. @throws OverlayError of the store, `OVERLAY_ABORTED` */
  async mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Outcome> {
    const { hostId, agent } = this.#options;
    const finding = await this.#find(signal);
    const belief: Belief = {
      ...{ hostId, agent, name: this.#name, text: formatLeaseValue(attributes) },
      // A statement has an etcd lease of its own; nothing that is with that is a lease of ours.
      lease: this.#claiming ? -1n : this.#lease,
    };
    const verdict = judge(belief, finding);
    switch (verdict.kind) {
      case 'own':
        return this.#keep(verdict, finding, attributes, signal);
      case 'absent':
        return this.#takeAgain(finding, attributes, signal);
      case 'namesake':
        return { kind: 'done', problem: this.#namesake(verdict.host), lost: true };
      case 'taken':
        return this.#claim(verdict.by, finding, attributes, signal);
      case 'rewritten':
        return { kind: 'done', problem: this.#rewritten(verdict.record), lost: true };
    }
  }

  async #keep(
    { lease }: Extract<Verdict, { kind: 'own' }>,
    finding: Found,
    attributes: LeaseAttributes,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { hostId, ttlSeconds, logger } = this.#options;
    const { others, record } = finding;
    const rivals = others.filter((other) => record !== undefined && speaksOf(other, record));
    if (lease !== this.#lease || this.#claiming) {
      logger.info(
        `${subnetsText(this.#subnets)}: the lease goes on with ${lease === 0n ? 'no end: it is a reservation' : 'another etcd lease'}`,
      );
      this.#lease = lease;
      this.#lifetimeSeconds = ttlSeconds;
      this.#claiming = false;
      this.#fresh = false;
      if (lease === 0n) this.#expiresAt = undefined;
      else await this.renew(signal);
    }
    if (!this.#isWritten(finding, attributes)) {
      const patience = this.#wasUndone(finding, attributes);
      if (patience !== undefined) return patience;
      return { kind: 'again', afterMs: (await this.#write(finding, attributes, signal)) ? 0 : COLLIDED_MS };
    }
    this.#settle(finding, attributes);
    if (rivals.length === 0) return { kind: 'done' };
    const problem =
      `host ${names(rivals)} had ${subnetsText(this.#subnets)} before host ${hostId} took it over by its public IP, and is alive; ` +
      'give each host a public IP of its own and restart both';
    return { kind: 'done', problem };
  }

  /** The lease was removed, or its time was over: the same subnets again, unless they have been given to somebody. */
  async #takeAgain(finding: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<Outcome> {
    const { client, clock, logger, ttlSeconds } = this.#options;
    const overlapping = await this.#overlapping(signal);
    if (overlapping !== undefined) return { kind: 'done', problem: this.#heldBy(overlapping), lost: true };
    const patience = this.#wasUndone(finding, attributes);
    if (patience !== undefined) return patience;
    if (!this.#fresh) {
      const from = clock.now();
      const usable = this.#lease !== 0n && !this.#claiming;
      const ttl = usable ? await client.keepAlive(this.#lease, { what: 'renewing the lease', signal }) : 0;
      if (ttl !== ttlSeconds)
        this.#lease = (await client.grant(ttlSeconds, { what: 'taking the lease again', signal })).id;
      this.#expiresAt = from + ttlSeconds * 1000;
      this.#lifetimeSeconds = ttlSeconds;
      this.#claiming = false;
      this.#fresh = true;
    }
    if (!(await this.#write(finding, attributes, signal))) return { kind: 'again', afterMs: COLLIDED_MS };
    logger.info(`${subnetsText(this.#subnets)}: the lease was gone from etcd and has been taken again`);
    return { kind: 'again', afterMs: 0 };
  }

  /**
   * Another host has taken the lease, by our public IP most likely, and cannot know that we are alive: tells it, by a
   * record that ends soon after us. It is written once and touches nothing of the other host's.
   */
  async #claim(by: HostRecord, { host }: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<Outcome> {
    const { hostId, agent, client, clock, keys } = this.#options;
    const problem =
      `host ${by.id} (${by.publicIPs.ipv4 ?? by.publicIPs.ipv6 ?? 'no address'}) has taken over the lease of ` +
      `${subnetsText(this.#subnets)} from host ${hostId}: traffic goes on as before; give each host a public IP of its own and restart this agent`;
    const text = formatHostRecord(this.#name, attributes, agent);
    const stated = host?.agent === agent.agent && host.lease === this.#lease;
    if (this.#claiming && stated) return { kind: 'done', problem, lost: true };
    const abandoned = this.#claiming ? 0n : this.#lease;
    const attempt = { what: 'stating a conflict', signal };
    const from = clock.now();
    const { id, ttl } = await client.grant(CLAIM_SECONDS, attempt);
    const { succeeded } = await client.txn(
      {
        compare: [{ key: keys.host(hostId), modRevision: host?.modRevision ?? 0 }],
        success: [{ put: { key: keys.host(hostId), value: text, lease: id } }],
      },
      attempt,
    );
    if (!succeeded) {
      await this.#revoke(id);
      return { kind: 'again', afterMs: COLLIDED_MS, problem };
    }
    this.#claiming = true;
    this.#lease = id;
    this.#lifetimeSeconds = ttl;
    this.#expiresAt = from + ttl * 1000;
    // Nothing is left that ends with it, unless we were mistaken; then it is to end by itself.
    if (abandoned !== 0n && abandoned !== by.lease && this.#nothingWith(abandoned)) await this.#revoke(abandoned);
    return { kind: 'done', problem, lost: true };
  }

  async #write(finding: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<boolean> {
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
    const { succeeded } = await client.txn(transaction, {
      what: `writing the lease of ${subnetsText(this.#subnets)}`,
      signal,
    });
    if (succeeded) {
      this.#fresh = false;
      this.#settled = undefined;
    }
    return succeeded;
  }

  /** How long to wait before writing again what somebody has undone; nothing when nobody has, or it is time. */
  #wasUndone(finding: Found, attributes: LeaseAttributes): Outcome | undefined {
    const settled = this.#settled;
    if (settled === undefined) return undefined;
    const changed = finding.record?.modRevision !== settled.lease || (finding.host?.modRevision ?? 0) !== settled.host;
    // Only what we publish is another.
    if (!changed && this.#published !== attributes) return undefined;
    this.#settled = undefined;
    const afterMs = this.#patience.next();
    this.#patience.mended();
    if (afterMs === 0) return undefined;
    const problem = 'somebody keeps changing or removing it; writing it again, ever more slowly';
    return { kind: 'again', afterMs, problem };
  }

  #settle({ record, host }: Found, attributes: LeaseAttributes): void {
    this.#settled = { lease: record?.modRevision ?? 0, host: host?.modRevision ?? 0 };
    this.#published = attributes;
  }

  #isWritten({ record, host }: Found, attributes: LeaseAttributes): boolean {
    const { agent } = this.#options;
    if (record === undefined || host === undefined || record.text !== formatLeaseValue(attributes)) return false;
    if (host.name !== record.name || host.agent !== agent.agent || host.lease !== record.lease) return false;
    const { ipv4, ipv6 } = host.publicIPs;
    return ipv4 === attributes.ipv4?.publicIP && ipv6 === attributes.ipv6?.publicIP;
  }

  /** What etcd itself says about the lease; of other hosts what the view says. */
  async #find(signal: AbortSignal): Promise<Found> {
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

  /** Another lease that covers ours or a part of it; one of our name is none. */
  async #overlapping(signal: AbortSignal): Promise<LeaseRecord | undefined> {
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

  #nothingWith(lease: bigint): boolean {
    const { view, hostId } = this.#options;
    for (const record of view.book.records()) if (record.lease === lease) return false;
    return view.book.hostsOf(this.#name).every((host) => host.id === hostId || host.lease !== lease);
  }

  async #revoke(id: bigint): Promise<void> {
    const attempt = { what: 'giving back an etcd lease', signal: AbortSignal.timeout(REVOKE_MS) };
    // It ends by itself.
    await this.#options.client.revoke(id, attempt).catch(() => undefined);
  }

  #namesake({ publicIPs }: HostRecord): string {
    const { hostId } = this.#options;
    return (
      `another agent that calls itself host ${hostId} (${publicIPs.ipv4 ?? publicIPs.ipv6 ?? 'no address'}) has taken over the lease: ` +
      'traffic goes on as before; give each host an identity of its own (--host-id) and restart this agent'
    );
  }

  #rewritten(record: LeaseRecord): string {
    const who = record.attributes === undefined ? 'somebody' : addressText({ attributes: record.attributes });
    return (
      `our ${subnetsText(this.#subnets)} is held by another (${who}, which may be flanneld): traffic goes on as before; ` +
      'stop the other, or restart this agent or run overlay apply to take another subnet'
    );
  }

  #heldBy(record: LeaseRecord): string {
    const holder = this.#options.view.book.holder(record);
    const who = record.attributes === undefined ? 'somebody' : addressText({ attributes: record.attributes });
    return (
      `our ${subnetsText(this.#subnets)} is held by another (${holder === undefined ? '' : `host ${holder.id}, `}${who}, ` +
      `${subnetsText(record.subnets)}): traffic goes on as before; remove that lease, or restart this agent or run overlay apply to take another subnet`
    );
  }
}

function names(hosts: readonly HostRecord[]): string {
  return hosts.map(({ id, publicIPs }) => `${id} (${publicIPs.ipv4 ?? publicIPs.ipv6 ?? 'no address'})`).join(', ');
}
