import type { Prefix } from '../address/index.js';
import type { Backend } from '../backend.js';
import { errorCode, errorText } from '../errors.js';
import { LeaseTable } from '../lease-table/index.js';
import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { Clock } from '../ports/clock.js';
import { systemClock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { silentLogger } from '../ports/logger.js';
import { noMetrics } from '../ports/metrics.js';
import { ChangeLog } from './change-log.js';
import { ConfigWatch } from './config-watch.js';
import { sameConfiguration } from './configuration-change.js';
import { Carrier } from './carrier.js';
import { claimsOf } from './claims.js';
import { findFormer } from './former-plan.js';
import { HostSubnets } from './host-subnets.js';
import { HostWatch } from './host-watch.js';
import { LeaseFeed } from './lease-feed.js';
import { widestOf } from './live-change.js';
import type { AgentOptions } from './options.js';
import type { Plan } from './plan.js';
import { makePlan } from './plan.js';
import { PodMtu } from './pod-mtu.js';
import { PendingChange } from './pending-change.js';
import { Preflight } from './preflight.js';
import { ConfigurationRecord } from './record.js';
import type { RetryPorts } from './retry.js';
import type { PendingConfiguration } from './status.js';
import { SubnetFileWriter } from './subnet-file-writer.js';
import { Succession } from './succession.js';
import { Tenancy } from './tenancy.js';

/** How long a plan rests that cannot be carried out, where the store's content may change that. */
const REST_MS = 30_000;

/** How long an old network stays open when no peer needs it any more. */
const RETIRE_MS = 10_000;

/** Whom a {@link Supervisor} tells. */
export interface SupervisorEvents {
  /** Something that can be seen from outside is another. */
  changed(): void;
  /** It is known which configuration there is, or why there is none. */
  configurationJudged(): void;
  /** Nothing but a person can mend this. */
  fatal(error: unknown): void;
}

/**
 * Joins the parts of an agent: decides what becomes of a configuration, and leads host, own lease and the peers' leases
 * to where they are needed.
 */
export class Supervisor {
  readonly host: HostWatch;
  readonly config: ConfigWatch;
  readonly table: LeaseTable;
  readonly feed: LeaseFeed;
  readonly preflight: Preflight;
  readonly file: SubnetFileWriter | undefined;
  readonly succession: Succession;
  readonly record: ConfigurationRecord;
  readonly mtu: PodMtu;
  readonly #options: AgentOptions;
  readonly #events: SupervisorEvents;
  readonly #logger: Logger;
  readonly #log: ChangeLog;
  readonly #clock: Clock;
  readonly #ports: RetryPorts;
  readonly #change: PendingChange;
  readonly #subnets: HostSubnets;
  readonly #ending = new AbortController();
  /** Networks that this host has, or had and may have left something of. */
  readonly #networks = new Set<Prefix>();
  #netConf: NetConf | undefined;
  /** By which peers are judged: the widest of what is in effect. */
  #judged: NetConf | undefined;
  /** The backends of which peers' claims are asked. */
  #claimed: readonly Backend[] = [];
  #cancelRest: (() => void) | undefined;

  constructor(options: AgentOptions, events: SupervisorEvents) {
    const { subnetManager, holdMs, doubtFraction } = options;
    this.#options = options;
    this.#events = events;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    const log = new ChangeLog(this.#logger);
    this.#log = log;
    const ports: RetryPorts = { clock: this.#clock, random: options.random ?? Math.random };
    this.#ports = ports;
    const changed = (): void => this.#changed();
    const fatal = (error: unknown): void => events.fatal(error);
    this.table = new LeaseTable({
      ...(holdMs !== undefined && { holdMs }),
      ...(doubtFraction !== undefined && { doubtFraction }),
    });
    const metrics = options.metrics ?? noMetrics;
    this.feed = new LeaseFeed({
      ...ports,
      subnetManager,
      table: this.table,
      log,
      metrics,
      doubts: holdMs !== 0,
      changed,
    });
    this.host = new HostWatch(options.host$, ports, {
      log,
      fatal,
      changed: () => {
        this.feed.underlay(this.host.addresses());
        changed();
      },
    });
    this.config = new ConfigWatch(subnetManager.config$, ports, {
      log,
      fatal,
      configured: (netConf) => this.#configured(netConf),
      changed: () => {
        changed();
        events.configurationJudged();
      },
    });
    this.preflight = new Preflight({ clock: this.#clock, logger: this.#logger, changed });
    this.mtu = new PodMtu({ clock: this.#clock, log, podInterfaces: options.podInterfaces, changed });
    this.file = options.subnetFile && new SubnetFileWriter(options.subnetFile, ports, { log, changed });
    this.#subnets = new HostSubnets({
      ...{ file: options.subnetFile, writer: this.file, mtu: this.mtu },
      ...{ ipMasq: options.ipMasq ?? false, logger: this.#logger },
    });
    this.record = new ConfigurationRecord(options.stateFile, { ...ports, log, changed });
    this.succession = new Succession({
      ...ports,
      feed: this.feed,
      log,
      retireMs: options.retireMs ?? RETIRE_MS,
      createCarrier: (plan) => this.#createCarrier(plan),
      createTenancy: (leaseChanged) => this.#createTenancy(leaseChanged),
      former: (plan, previous) =>
        previous &&
        findFormer(plan, { recorded: this.record.found, previous, log, planFor: (netConf) => this.#planFor(netConf) }),
      remember: (plans, signal) =>
        this.record.write(
          plans.map(({ netConf }) => netConf),
          signal,
        ),
      tookEffect: () => this.#tookEffect(),
      failed: (error, plan, carrying) => this.#failed(error, plan, carrying),
      changed,
    });
    const atOnce = options.applyChanges === 'now';
    this.#change = new PendingChange({ succession: this.succession, atOnce, log, logger: this.#logger });
  }

  /** The configuration in use. */
  get netConf(): NetConf | undefined {
    return this.#netConf;
  }

  /** A configuration that waits to be taken. */
  get pending(): PendingConfiguration | undefined {
    return this.#change.shown;
  }

  start(): void {
    this.host.start();
    if (!this.record.kept) {
      this.config.start();
      return;
    }
    const { signal } = this.#ending;
    // What a configuration means depends on the one before.
    void this.record.read(signal).then(() => {
      for (const netConf of this.record.found) this.#noteNetworks(netConf);
      if (!signal.aborted) this.config.start();
    });
  }

  /**
   * Takes the pending configuration, and another lease in the place of one that was lost; false when there is neither.
   * Rejects when the configuration does not come into effect; one that cannot be taken under traffic stays pending.
   */
  async applyPending(): Promise<boolean> {
    const moved = await this.succession.replaceLostLease();
    return (await this.#change.apply()) || moved;
  }

  /** Ends everything but the packets. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.#cancelRest?.();
    this.config.close();
    this.feed.close();
    this.file?.close();
    this.preflight.close();
    this.mtu.close();
    try {
      await this.succession.end();
    } finally {
      this.host.close();
    }
  }

  #configured(netConf: NetConf): void {
    if (this.#ending.signal.aborted) return;
    let plan: Plan;
    try {
      plan = this.#planFor(netConf);
    } catch (error) {
      this.#refused(error);
      return;
    }
    this.feed.start();
    const { succession } = this;
    if (succession.next !== undefined && sameConfiguration(succession.next.netConf, netConf)) return;
    // What has not come to carry yet gives way at once: a rollback must not wait for what it rolls back.
    succession.giveUp();
    this.#cancelRest?.();
    this.#change.drop();
    if (succession.carriage.base === undefined || !succession.carrying) this.#begin(plan);
    else this.#change.consider(plan, succession.carriage.base);
  }

  /** Whoever asked for it learns the outcome from the status. */
  #begin(plan: Plan): void {
    this.succession.take(plan, [], 'beside').catch(() => undefined);
  }

  #planFor(netConf: NetConf): Plan {
    const { hostId, backends, metrics } = this.#options;
    const recordedNetworks = [...this.#networks];
    const init = { netConf, hostId, recordedNetworks, logger: this.#logger, clock: this.#clock };
    return makePlan(backends, metrics === undefined ? init : { ...init, metrics });
  }

  #createCarrier(plan: Plan): Carrier {
    const { host, feed } = this;
    return new Carrier(plan, {
      ...{ ...this.#ports, host, log: this.#log },
      leftOver: (peers) => feed.leftOver(peers),
      changed: () => this.succession.look(),
    });
  }

  #createTenancy(leaseChanged: (lease: Lease) => void): Tenancy {
    const { hostId, subnetManager } = this.#options;
    return new Tenancy({
      ...this.#ports,
      hostId,
      subnetManager,
      log: this.#log,
      wantedSubnets: (signal) => this.#subnets.recorded(signal),
      changed: () => this.succession.look(),
      leaseChanged,
    });
  }

  #tookEffect(): void {
    const { own, carriage } = this.succession;
    const { inUse, carriers } = carriage;
    if (inUse === undefined) return;
    const backends = carriers.map(({ backend }) => backend);
    for (const { netConf } of carriers) this.#noteNetworks(netConf);
    this.#netConf = inUse.netConf;
    this.#judged = widestOf(carriers[0]?.netConf ?? inUse.netConf, carriers[1]?.netConf);
    this.feed.configure(this.#judged);
    this.feed.own(own?.lease);
    if (backends.length !== this.#claimed.length || backends.some((backend, at) => backend !== this.#claimed[at])) {
      this.#claimed = backends;
      this.feed.claims((lease) => claimsOf(lease, backends));
    }
    this.#change.reconsider();
    this.#changed();
  }

  #noteNetworks(netConf: NetConf): void {
    for (const family of FAMILIES) {
      const network = netConf[family]?.network;
      if (network !== undefined) this.#networks.add(network);
    }
  }

  /** A configuration with which nothing can be begun. */
  #refused(error: unknown): void {
    const first = this.#netConf === undefined && this.succession.next === undefined;
    if (first && this.#options.wrongConfig !== 'wait') this.#events.fatal(error);
    else this.config.refuse(errorText(error), first);
  }

  #failed(error: unknown, plan: Plan, carrying: boolean): void {
    if (carrying) {
      this.config.refuse(`${errorText(error)}; the one before stays`, false);
      return;
    }
    if (this.#options.wrongConfig !== 'wait' || errorCode(error) === 'OVERLAY_CLOSED') {
      this.#events.fatal(error);
      return;
    }
    this.config.refuse(errorText(error), true);
    this.#cancelRest = this.#clock.after(REST_MS, () => this.#begin(plan));
  }

  #changed(): void {
    this.#followSubnets();
    this.#followPreflight();
    this.#events.changed();
  }

  /** subnet.env is written once this host can carry traffic, so that nobody starts pods before. */
  #followSubnets(): void {
    const { own, carriage, snapshotApplied } = this.succession;
    const { state } = carriage;
    if (own === undefined || state?.phase !== 'ready' || !snapshotApplied) return;
    this.#subnets.follow(own.lease.subnets, state, this.#judged);
  }

  #followPreflight(): void {
    const { inUse } = this.succession.carriage;
    const phase = inUse?.state?.phase;
    if (inUse === undefined || phase === undefined || phase === 'starting') return;
    // It starts programs, and pods wait for subnet.env.
    const fileIsNext = this.file !== undefined && this.file.written === undefined && this.file.problem === undefined;
    if (phase === 'ready' && fileIsNext) return;
    this.preflight.run(inUse.backend, this.host.host);
  }
}
