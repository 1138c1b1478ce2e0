import type { Subscription } from 'rxjs';
import type { Address } from '../address/index.js';
import type { LeftOverPeers } from '../backend.js';
import { errorText } from '../errors.js';
import type { Lease, LeaseEvent, LeaseUpdate } from '../lease.js';
import type { ClaimsOf, LeaseTable } from '../lease-table/index.js';
import type { NetConf } from '../net-conf/index.js';
import type { Metrics } from '../ports/metrics.js';
import type { SubnetManager } from '../subnet-manager.js';
import type { Deferred } from '../deferred.js';
import { deferred, unlessAborted } from '../deferred.js';
import type { ChangeLog } from './change-log.js';
import type { RetryPorts } from './retry.js';
import { retryDelay } from './retry.js';
import { HeldReport } from './held-report.js';
import { LeftPeers } from './left-peers.js';
import { RemovalWindow } from './removal-window.js';

/**
 * Asked for a new reading of the store, how long to wait for it before asking again, the first time and at most; by chance
 * up to half as long again.
 */
const REREAD_AGAIN_MS = 10_000;
const LONGEST_REREAD_MS = 300_000;

/**
 * What was removed in one second is held by every host until the same second: for how long their readings of everything are
 * spread, for each lease and at most, in milliseconds.
 */
const SPREAD_PER_LEASE_MS = 3;
const LONGEST_SPREAD_MS = 30_000;

/** What a {@link LeaseFeed} works with, and whom it tells. */
export interface LeaseFeedContext extends RetryPorts {
  readonly subnetManager: SubnetManager;
  readonly table: LeaseTable;
  readonly log: ChangeLog;
  readonly metrics: Metrics;
  /** Whether removals may be doubted at all; if not, none waits for others. */
  readonly doubts: boolean;
  /** What is held is another, or the first snapshot has come. */
  changed(): void;
}

/**
 * Leads the store's leases through the lease table to whoever gives them to the open networks. Removals that come one by
 * one are judged together, see {@link RemovalWindow}. Those that the table doubts are read again from the store once their
 * time is over, and go only when they are still absent then.
 */
export class LeaseFeed {
  readonly #context: LeaseFeedContext;
  readonly #held: HeldReport;
  readonly #window: RemovalWindow | undefined;
  readonly #left: LeftPeers;
  readonly #firstSnapshot: Deferred<void> = deferred();
  #subscription: Subscription | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelReread: (() => void) | undefined;
  #rereadFor: number | undefined;
  #failures = 0;
  #sink: ((update: LeaseUpdate) => void) | undefined;
  /** What the store has told while nothing could be judged yet, by key. */
  #early: Map<string, Lease> | undefined = new Map();
  /** The store went back before anything could be judged, and has told no snapshot since. */
  #wentBack = false;
  #hasSnapshot = false;
  #remembered = false;

  constructor(context: LeaseFeedContext) {
    this.#context = context;
    this.#held = new HeldReport(context);
    const { table, clock, doubts } = context;
    this.#left = new LeftPeers(table);
    if (doubts) {
      this.#window = new RemovalWindow({
        table,
        clock,
        give: (changes) => this.#give(table.changes(changes, clock.elapsed())),
      });
    }
  }

  /** Whether the store has told all leases at least once. */
  get hasSnapshot(): boolean {
    return this.#hasSnapshot;
  }

  /** Whether what it has is what was remembered of the store, which has not answered yet. */
  get remembered(): boolean {
    return this.#remembered;
  }

  /** Begins to follow the store; later calls do nothing. */
  start(): void {
    if (this.#subscription !== undefined) return;
    this.#subscribe();
  }

  /** The configuration by which leases are judged. */
  configure(netConf: NetConf): void {
    this.#give(this.#context.table.setNetConf(netConf, this.#context.clock.elapsed()));
  }

  /** The own lease: it is no peer's, and none may overlap it. */
  own(lease: Lease | undefined): void {
    this.#give(this.#context.table.setOwn(lease, this.#context.clock.elapsed()));
  }

  /** The addresses of this host on the underlay, which no peer may claim. */
  underlay(addresses: readonly Address[]): void {
    this.#give(this.#context.table.setUnderlay(addresses, this.#context.clock.elapsed()));
  }

  /** What of a lease the backend needs to be one host's alone. */
  claims(claims: ClaimsOf): void {
    this.#give(this.#context.table.setClaims(claims, this.#context.clock.elapsed()));
  }

  /**
   * Gives all peers, then each change. Resolves once the first snapshot was given. By now configuration, own lease and
   * addresses must be known: judging begins here, since doing it for each of them would cost as much again.
   *
   * @throws OverlayError `OVERLAY_ABORTED`.
   */
  async attach(sink: (update: LeaseUpdate) => void, signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#firstSnapshot.promise, 'waiting for the first list of leases', signal);
    if (this.#early !== undefined) {
      const early = [...this.#early.values()];
      this.#early = undefined;
      this.#context.table.snapshot(early, this.#context.clock.elapsed(), this.#wentBack);
      this.#held.look();
    }
    this.#sink = sink;
    sink({ type: 'snapshot', leases: [...this.#context.table.accepted()] });
  }

  /** The peers as they were given so far; undefined before {@link attach} has given any. */
  accepted(): Iterable<Lease> | undefined {
    return this.#sink && this.#context.table.accepted();
  }

  /** Peers of an earlier run of the agent whose removal is held. */
  get left(): LeftPeers {
    return this.#left;
  }

  /** As of {@link OpenContext.leftOver}: resolves when what a network has found of peers that are not listed may go. */
  leftOver(peers: LeftOverPeers): Promise<void> {
    const mayGo = this.#left.ask(peers, this.#context.clock.elapsed(), this.#wentBack);
    this.#followDoubt();
    return mayGo;
  }

  detach(): void {
    this.#sink = undefined;
  }

  close(): void {
    this.#subscription?.unsubscribe();
    this.#cancelRetry?.();
    this.#cancelReread?.();
    this.#window?.clear();
    this.#held.close();
    this.#sink = undefined;
  }

  #subscribe(): void {
    this.#subscription = this.#context.subnetManager.leases$.subscribe({
      next: (event) => this.#next(event),
      error: (error: unknown) => {
        this.#context.log.warn('leases', `following the leases failed, trying again: ${errorText(error)}`);
        const delay = retryDelay(++this.#failures, this.#context.random);
        this.#cancelRetry = this.#context.clock.after(delay, () => this.#subscribe());
      },
    });
  }

  #next(event: LeaseEvent): void {
    this.#failures = 0;
    const { table, clock, metrics } = this.#context;
    metrics.count('lease_events_total', 1, { type: event.type });
    if (this.#early !== undefined) {
      this.#keepEarly(this.#early, event);
    } else if (event.type === 'snapshot') {
      this.#window?.clear();
      this.#wentBack = false;
      this.#give(table.snapshot(event.leases, clock.elapsed(), event.wentBack));
      // What is remembered is no answer of the store.
      if (event.remembered !== true) {
        this.#left.settle(clock.elapsed());
        this.#followDoubt();
      }
    } else {
      const changes = this.#window?.take(event.changes) ?? event.changes;
      if (changes.length > 0) this.#give(table.changes(changes, clock.elapsed()));
    }
    if (event.type === 'snapshot') this.#listed(event);
  }

  #listed(snapshot: Extract<LeaseEvent, { type: 'snapshot' }>): void {
    const { leases } = snapshot;
    const remembered = snapshot.remembered === true;
    const news = !this.#hasSnapshot || remembered !== this.#remembered;
    this.#remembered = remembered;
    if (!news) return;
    const count = `${leases.length} leases`;
    this.#context.log.info('leases', remembered ? `${count} are remembered` : `the store lists ${count}`);
    this.#hasSnapshot = true;
    this.#firstSnapshot.resolve();
    this.#context.changed();
  }

  #keepEarly(early: Map<string, Lease>, event: LeaseEvent): void {
    if (event.type === 'snapshot') {
      early.clear();
      this.#wentBack ||= event.wentBack === true;
      for (const lease of event.leases) early.set(lease.key, lease);
      return;
    }
    for (const change of event.changes) {
      if (change.type === 'set') early.set(change.lease.key, change.lease);
      else early.delete(change.key);
    }
  }

  #give(delta: LeaseUpdate | undefined): void {
    if (delta !== undefined) {
      this.#sink?.(delta);
      this.#context.metrics.gauge('peers', this.#context.table.size);
      if (delta.type === 'delta') this.#left.listed(delta.set);
    }
    if (this.#early === undefined) this.#held.look();
    this.#followDoubt();
  }

  /** Has the store read again when the doubt is over, and again as long as no answer has settled it. */
  #followDoubt(): void {
    const { table, clock, log } = this.#context;
    const due = earliest(table.due(), this.#left.due());
    if (due === this.#rereadFor) return;
    this.#rereadFor = due;
    this.#cancelReread?.();
    if (due === undefined) {
      log.over('doubt', 'the removals that were held are settled');
    } else {
      const now = clock.elapsed();
      const seconds = Math.max(0, Math.ceil((due - now) / 1000));
      log.warn('doubt', `held for ${seconds} s, then read again: the removal of ${this.#heldText()}`);
      const leases = table.size + this.#left.held().length;
      const spread = Math.min(leases * SPREAD_PER_LEASE_MS, LONGEST_SPREAD_MS);
      this.#rereadAfter(Math.max(0, due - now) + this.#context.random() * spread, REREAD_AGAIN_MS);
    }
    this.#context.changed();
  }

  #heldText(): string {
    const { table } = this.#context;
    const texts: string[] = [];
    const keys = table.doubt?.keys.length ?? 0;
    if (keys > 0) texts.push(`${keys} of ${table.size} peers at once`);
    const left = this.#left.held().length;
    if (left > 0) texts.push(`${left} peers' subnets that this host has a way to and no lease has`);
    return texts.join(', and of ');
  }

  #rereadAfter(ms: number, againMs: number): void {
    this.#cancelReread?.();
    this.#cancelReread = this.#context.clock.after(ms, () => {
      const wait = againMs * (1 + this.#context.random() / 2);
      // First the timer: the store may answer at once, and that may settle the doubt.
      this.#rereadAfter(wait, Math.min(againMs * 2, LONGEST_REREAD_MS));
      this.#context.log.info('reread', 'reading the leases again before peers are removed');
      this.#context.subnetManager.resync();
    });
  }
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
