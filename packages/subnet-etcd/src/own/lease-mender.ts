import type { Lease, LeaseAttributes, Logger } from '@overlay/core';
import { errorCode, errorText, formatLeaseValue } from '@overlay/core';
import type { LeaseMender, Mended } from '@overlay/core/store';
import { jittered, Patience, subnetsText } from '@overlay/core/store';
import type { Acquired } from '../allocation/acquire-lease.js';
import type { HostRecord } from '../store/host-record.js';
import { formatHostRecord, speaksOf } from '../store/host-record.js';
import { namesakeText, overlapText, rewrittenText, rivalsText, takenText } from './conflicts.js';
import type { Found, HoldingOptions } from './holding.js';
import { Holding } from './holding.js';
import type { Belief, Finding } from './judge.js';
import { judge } from './judge.js';

export interface EtcdLeaseMenderOptions extends HoldingOptions {
  readonly logger: Logger;
}

/** How long a host that lost its lease to another one says so after it has ended: the etcd lease of that statement. */
const CLAIM_SECONDS = 60;
/** Before looking again when somebody else wrote in the same moment. */
const COLLIDED_MS = 20;
/** How often the lease is looked at in etcd where nobody follows all leases anyway. */
const LOOK_MS = 5_000;

/** Brings what a host has in etcd to what it should have. One look and at most one write at a time. */
export class EtcdLeaseMender implements LeaseMender {
  readonly #options: EtcdLeaseMenderOptions;
  readonly #patience: Patience;
  readonly #holding: Holding;
  /** What is in etcd, as far as it was written from here. */
  #published: LeaseAttributes | undefined;
  /** Revisions of the lease and of the record beside it when they were last as they should be. */
  #settled: { readonly lease: number; readonly host: number } | undefined;
  /** While another host has our lease: the holding's etcd lease is that of our statement that it is ours. */
  #claiming = false;
  /** A new one was granted and is in no use yet. */
  #fresh = false;
  /** What the view showed when it was last looked at. */
  #picture: string | undefined;

  constructor(options: EtcdLeaseMenderOptions, acquired: Acquired, attributes: LeaseAttributes) {
    this.#options = options;
    this.#patience = new Patience(options.clock);
    this.#holding = new Holding(options, acquired, attributes);
  }

  get lease(): Lease {
    return this.#holding.shown;
  }

  get dueAt(): number | undefined {
    const { renewInMs = Infinity } = this.#holding;
    const { view, clock } = this.#options;
    const inMs = view.started ? renewInMs : Math.min(renewInMs, jittered(LOOK_MS));
    return inMs === Infinity ? undefined : clock.now() + inMs;
  }

  /** Goes on with what the same host has acquired once more. */
  adopt(acquired: Acquired, attributes: LeaseAttributes): void {
    this.#holding.adopt(acquired, attributes);
    this.#claiming = false;
    this.#fresh = false;
    this.#settled = undefined;
    this.#published = undefined;
  }

  /** By what the view shows, which costs nothing. */
  needsMending(attributes: LeaseAttributes, troubled: boolean): boolean {
    const picture = this.#takePicture();
    if (picture === this.#picture) return false;
    this.#picture = picture;
    return troubled || !this.#isInOrder(attributes);
  }

  async mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { hostId, agent } = this.#options;
    const { renewInMs = Infinity, name, subnets, lease } = this.#holding;
    // One that is gone shows when the lease is looked at.
    if (renewInMs <= 0) await this.#holding.renew(signal);
    const finding = await this.#holding.find(signal);
    const belief: Belief = {
      ...{ hostId, agent, name, text: formatLeaseValue(attributes) },
      // A statement has an etcd lease of its own; nothing that is with that is a lease of ours.
      lease: this.#claiming ? -1n : lease,
    };
    const verdict = judge(belief, finding);
    switch (verdict.kind) {
      case 'own':
        return this.#keep(verdict.lease, finding, attributes, signal);
      case 'absent':
        return this.#takeAgain(finding, attributes, signal);
      case 'namesake':
        return { kind: 'done', problem: namesakeText(hostId, verdict.host), lost: true };
      case 'taken':
        return this.#claim(verdict.by, finding, attributes, signal);
      case 'rewritten':
        return { kind: 'done', problem: rewrittenText(subnets, verdict.record), lost: true };
    }
  }

  failure(error: unknown): { readonly problem: string; readonly kind?: string } {
    const { expiresAt } = this.#holding;
    const until = expiresAt === undefined ? '' : `; without it the lease ends ${new Date(expiresAt).toISOString()}`;
    const kind = errorCode(error);
    const problem = `the lease cannot be kept: ${errorText(error)}; trying again${until}`;
    return { problem, ...(kind !== undefined && { kind }) };
  }

  async #keep(lease: bigint, finding: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { hostId, logger } = this.#options;
    const holding = this.#holding;
    const { others, record } = finding;
    const rivals = others.filter((other) => record !== undefined && speaksOf(other, record));
    if (lease !== holding.lease || this.#claiming) {
      const how = lease === 0n ? 'no end: it is a reservation' : 'another etcd lease';
      logger.info(`${subnetsText(holding.subnets)}: the lease goes on with ${how}`);
      holding.goOnWith(lease, lease === 0n ? undefined : holding.expiresAt);
      this.#claiming = false;
      this.#fresh = false;
      await holding.renew(signal);
    }
    if (!this.#isWritten(finding, attributes)) {
      const patience = this.#wasUndone(finding, attributes);
      if (patience !== undefined) return patience;
      return { kind: 'again', afterMs: (await this.#write(finding, attributes, signal)) ? 0 : COLLIDED_MS };
    }
    this.#settled = { lease: record?.modRevision ?? 0, host: finding.host?.modRevision ?? 0 };
    this.#published = attributes;
    holding.show(attributes);
    if (rivals.length === 0) return { kind: 'done' };
    return { kind: 'done', problem: rivalsText(hostId, holding.subnets, rivals) };
  }

  /** The lease was removed, or its time was over: the same subnets again, unless they have been given to somebody. */
  async #takeAgain(finding: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { logger, view } = this.#options;
    const { subnets } = this.#holding;
    const overlapping = await this.#holding.overlapping(signal);
    if (overlapping !== undefined) {
      const problem = overlapText(subnets, overlapping, view.book.holder(overlapping));
      return { kind: 'done', problem, lost: true };
    }
    const patience = this.#wasUndone(finding, attributes);
    if (patience !== undefined) return patience;
    if (!this.#fresh) await this.#refresh(signal);
    if (!(await this.#write(finding, attributes, signal))) return { kind: 'again', afterMs: COLLIDED_MS };
    logger.info(`${subnetsText(subnets)}: the lease was gone from etcd and has been taken again`);
    return { kind: 'again', afterMs: 0 };
  }

  /** An etcd lease to take the lease again with: the one before, where that is alive and lasts as long as ours are to. */
  async #refresh(signal: AbortSignal): Promise<void> {
    const { ttlSeconds, client, clock } = this.#options;
    const holding = this.#holding;
    const from = clock.now();
    const usable = holding.lease !== 0n && !this.#claiming;
    const ttl = usable ? await client.keepAlive(holding.lease, { what: 'renewing the lease', signal }) : 0;
    if (ttl === ttlSeconds) {
      holding.goOnWith(holding.lease, from + ttl * 1000);
    } else {
      const { id, expiresAt } = await holding.grant(ttlSeconds, 'taking the lease again', signal);
      holding.goOnWith(id, expiresAt);
    }
    this.#claiming = false;
    this.#fresh = true;
  }

  /**
   * Another host has taken the lease, by our public IP most likely, and cannot know that we are alive: tells it, by a
   * record that ends soon after us. It is written once and touches nothing of the other host's.
   */
  async #claim(by: HostRecord, { host }: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { hostId, agent } = this.#options;
    const holding = this.#holding;
    const problem = takenText(hostId, holding.subnets, by);
    const stated = host?.agent === agent.agent && host.lease === holding.lease;
    if (this.#claiming && stated) return { kind: 'done', problem, lost: true };
    const abandoned = this.#claiming ? 0n : holding.lease;
    const { id, ttlSeconds, expiresAt } = await holding.grant(CLAIM_SECONDS, 'stating a conflict', signal);
    if (!(await holding.state(host, formatHostRecord(holding.name, attributes, agent), id, signal))) {
      await holding.revoke(id);
      return { kind: 'again', afterMs: COLLIDED_MS, problem };
    }
    this.#claiming = true;
    holding.goOnWith(id, expiresAt, ttlSeconds);
    // Nothing is left that ends with it, unless we were mistaken; then it is to end by itself.
    if (abandoned !== 0n && abandoned !== by.lease && holding.nothingWith(abandoned)) await holding.revoke(abandoned);
    return { kind: 'done', problem, lost: true };
  }

  async #write(finding: Found, attributes: LeaseAttributes, signal: AbortSignal): Promise<boolean> {
    const written = await this.#holding.write(finding, attributes, signal);
    if (written) {
      this.#fresh = false;
      this.#settled = undefined;
    }
    return written;
  }

  /** How long to wait before writing again what somebody has undone; nothing when nobody has, or it is time. */
  #wasUndone(finding: Found, attributes: LeaseAttributes): Mended | undefined {
    const settled = this.#settled;
    if (settled === undefined) return undefined;
    const changed = finding.record?.modRevision !== settled.lease || (finding.host?.modRevision ?? 0) !== settled.host;
    // Only what we publish is another.
    if (!changed && this.#published !== attributes) return undefined;
    this.#settled = undefined;
    const afterMs = this.#patience.next();
    if (afterMs === 0) return undefined;
    const problem = 'somebody keeps changing or removing it; writing it again, ever more slowly';
    return { kind: 'again', afterMs, problem };
  }

  #isWritten({ record, host }: Finding, attributes: LeaseAttributes): boolean {
    const { agent } = this.#options;
    if (record === undefined || host === undefined || record.text !== formatLeaseValue(attributes)) return false;
    if (host.name !== record.name || host.agent !== agent.agent || host.lease !== record.lease) return false;
    const { ipv4, ipv6 } = host.publicIPs;
    return ipv4 === attributes.ipv4?.publicIP && ipv6 === attributes.ipv6?.publicIP;
  }

  /** What the view shows of the lease, as a text that is another when anything of it is. */
  #takePicture(): string {
    const { view, hostId } = this.#options;
    const { book } = view;
    const { name } = this.#holding;
    const others = book.hostsOf(name).map(({ id, modRevision }) => `${id} ${modRevision}`);
    return [view.ready, book.record(name)?.modRevision, book.host(hostId)?.modRevision, ...others.sort()].join();
  }

  /** Whether the view, which may be a little behind, shows everything as it should be. */
  #isInOrder(attributes: LeaseAttributes): boolean {
    const { view, hostId } = this.#options;
    const { book } = view;
    const { name, lease } = this.#holding;
    if (!view.ready) return true;
    const [record, host] = [book.record(name), book.host(hostId)];
    const others = book.hostsOf(name).some(({ id }) => id !== hostId);
    if (this.#claiming || others || record === undefined || host === undefined) return false;
    return record.lease === lease && this.#isWritten({ record, host, others: [] }, attributes);
  }
}
