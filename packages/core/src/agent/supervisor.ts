import type { Prefix } from '../address/index.js';
import type { Backend } from '../backend.js';
import { leaseAs } from '../endpoints.js';
import { errorCode, errorText, OverlayError } from '../errors.js';
import { LeaseTable } from '../lease-table/index.js';
import type { Lease, PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { Clock } from '../ports/clock.js';
import { systemClock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { silentLogger } from '../ports/logger.js';
import { noMetrics } from '../ports/metrics.js';
import type { SubnetEnv, SubnetEnvFamily } from '../subnet-env.js';
import { ChangeLog } from './change-log.js';
import { ConfigWatch } from './config-watch.js';
import { compareConfigurations, sameConfiguration } from './configuration-change.js';
import { Carrier } from './carrier.js';
import { findFormer } from './former-plan.js';
import { HostWatch } from './host-watch.js';
import { LeaseFeed } from './lease-feed.js';
import { liveChange, widestOf } from './live-change.js';
import type { AgentOptions } from './options.js';
import type { Plan } from './plan.js';
import { makePlan } from './plan.js';
import { PodMtu } from './pod-mtu.js';
import { Preflight } from './preflight.js';
import { ConfigurationRecord } from './record.js';
import type { RetryPorts } from './retry.js';
import type { PendingConfiguration } from './status.js';
import { SubnetFileWriter } from './subnet-file-writer.js';
import type { Way } from './succession.js';
import { busy, Succession } from './succession.js';
import { Tenancy } from './tenancy.js';

/** How long a plan rests that cannot be carried out, where the store's content may change that. */
const REST_MS = 30_000;

/** How long an old network stays open when no peer needs it any more. */
const RETIRE_MS = 10_000;

/** A configuration that waits, and how it would be taken. */
interface Pending extends PendingConfiguration {
  readonly plan: Plan;
  /** `back`: to the older of two that are in effect. */
  readonly way?: Way | 'back';
}

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
  readonly #ending = new AbortController();
  /** Networks that this host has, or had and may have left something of. */
  readonly #networks = new Set<Prefix>();
  #netConf: NetConf | undefined;
  /** By which peers are judged: the widest of what is in effect. */
  #judged: NetConf | undefined;
  /** The backends of which peers' claims are asked. */
  #claimed: readonly Backend[] = [];
  #pending: Pending | undefined;
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
  }

  /** The configuration in use. */
  get netConf(): NetConf | undefined {
    return this.#netConf;
  }

  /** A configuration that waits to be taken. */
  get pending(): PendingConfiguration | undefined {
    if (this.#pending === undefined) return undefined;
    const { netConf, changes, refused } = this.#pending;
    return { netConf, changes, ...(refused !== undefined && { refused }) };
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
    const pending = this.#pending;
    if (pending === undefined) return moved;
    const { refused, way, plan, changes } = pending;
    if (refused !== undefined || way === undefined) {
      throw new OverlayError(
        'OVERLAY_NOT_LIVE',
        `taking the pending configuration: ${refused}; the one before stays, and the agent takes it when it starts again`,
      );
    }
    this.#pending = undefined;
    if (way === 'back') this.succession.turnBack();
    else await this.succession.take(plan, changes, way);
    return true;
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
    this.#pending = undefined;
    if (succession.base === undefined || !succession.carrying) this.#take(plan, [], 'beside');
    else this.#change(plan, succession.base);
  }

  /** Sees to it that a plan takes the place of one that carries. */
  #change(plan: Plan, base: Carrier): void {
    const { transition } = this.succession;
    const own = this.succession.own?.lease.subnets ?? {};
    const { netConf } = plan;
    const change = compareConfigurations(base.netConf, netConf, own, base.backend.liveOptions);
    if (change.kind === 'none') return;
    const { changes } = change;
    const how = liveChange(base.plan, plan, own);
    if (change.kind === 'live' && !change.reopens) {
      if (changes.length > 0) this.#logger.info(`configuration changed: ${changes.join('; ')}`);
      this.succession.reconfigure(plan);
    } else if (change.kind === 'live' && how.refused === undefined && how.way === 'in-place') {
      this.#logger.info(`configuration changed: ${changes.join('; ')}`);
      this.#take(plan, changes, 'in-place');
    } else if (transition && sameConfiguration(transition.older.netConf, netConf)) {
      this.#moving({ netConf, plan, changes, way: 'back' });
    } else if (how.refused !== undefined) {
      this.#moving({ netConf, plan, changes, refused: how.refused });
    } else if (how.way === 'beside' && transition && transition.newer === base) {
      this.#moving({ netConf, plan, changes, refused: errorText(busy(transition)) });
    } else {
      this.#moving({ netConf, plan, changes, way: how.way });
    }
  }

  #moving(pending: Pending): void {
    const { changes, refused, way } = pending;
    const text = changes.join('; ');
    this.#pending = pending;
    if (refused !== undefined) {
      this.#log.warn('pending', `a changed configuration is not taken under traffic: ${text}: ${refused}`);
    } else if (this.#options.applyChanges === 'now' && way !== undefined) {
      this.#logger.info(`taking a changed configuration: ${text}`);
      this.applyPending().catch(() => undefined);
    } else {
      this.#log.warn('pending', `a changed configuration is pending, since it moves traffic: ${text}`);
    }
  }

  /** Whoever asked for it learns the outcome from the status. */
  #take(plan: Plan, changes: readonly string[], way: Way): void {
    this.succession.take(plan, changes, way).catch(() => undefined);
  }

  #planFor(netConf: NetConf): Plan {
    const { hostId, backends, metrics } = this.#options;
    const recordedNetworks = [...this.#networks];
    const init = { netConf, hostId, recordedNetworks, logger: this.#logger, clock: this.#clock };
    return makePlan(backends, metrics === undefined ? init : { ...init, metrics });
  }

  #createCarrier(plan: Plan): Carrier {
    const { host } = this;
    return new Carrier(plan, { ...this.#ports, host, log: this.#log, changed: () => this.succession.look() });
  }

  #createTenancy(leaseChanged: (lease: Lease) => void): Tenancy {
    const { hostId, subnetManager } = this.#options;
    return new Tenancy({
      ...this.#ports,
      hostId,
      subnetManager,
      log: this.#log,
      wantedSubnets: (signal) => this.#recordedSubnets(signal),
      changed: () => this.succession.look(),
      leaseChanged,
    });
  }

  #tookEffect(): void {
    const { inUse, carriers, own, transition } = this.succession;
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
    const waiting = this.#pending;
    if (waiting?.refused !== undefined && transition === undefined && this.succession.base) {
      this.#pending = undefined;
      this.#change(waiting.plan, this.succession.base);
    }
    this.#changed();
  }

  #noteNetworks(netConf: NetConf): void {
    for (const family of FAMILIES) {
      const network = netConf[family]?.network;
      if (network !== undefined) this.#networks.add(network);
    }
  }

  async #recordedSubnets(signal: AbortSignal): Promise<PerFamily<Prefix> | undefined> {
    try {
      const record = await this.#options.subnetFile?.read({ signal });
      this.mtu.recorded(record?.mtu);
      const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
      for (const family of FAMILIES) {
        const subnet = record?.[family]?.subnet;
        if (subnet !== undefined) subnets[family] = subnet;
      }
      return subnets;
    } catch (error) {
      // It only helps to get the same subnet again; a file that cannot be read is found out when it is written.
      this.#logger.warn(`reading subnet.env: ${errorText(error)}`);
      return undefined;
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
    this.#cancelRest = this.#clock.after(REST_MS, () => this.#take(plan, [], 'beside'));
  }

  #changed(): void {
    this.#followFile();
    this.#followPreflight();
    this.#events.changed();
  }

  /** subnet.env is written once this host can carry traffic, so that nobody starts pods before. */
  #followFile(): void {
    const { own, networkState, snapshotApplied } = this.succession;
    if (this.file === undefined || own === undefined || networkState?.phase !== 'ready' || !snapshotApplied) return;
    const content: { ipv4?: SubnetEnvFamily; ipv6?: SubnetEnvFamily } = {};
    for (const family of FAMILIES) {
      const subnet = own.lease.subnets[family];
      const conf = this.#judged?.[family];
      if (subnet !== undefined && conf !== undefined) content[family] = { network: conf.network, subnet };
    }
    const env: SubnetEnv = { ...content, mtu: networkState.mtu, ipMasq: this.#options.ipMasq ?? false };
    this.mtu.follow(env.mtu, own.lease.subnets);
    this.file.want(env);
  }

  #followPreflight(): void {
    const { inUse } = this.succession;
    const phase = inUse?.state?.phase;
    if (inUse === undefined || phase === undefined || phase === 'starting') return;
    // It starts programs, and pods wait for subnet.env.
    const fileIsNext = this.file !== undefined && this.file.written === undefined && this.file.problem === undefined;
    if (phase === 'ready' && fileIsNext) return;
    this.preflight.run(inUse.backend, this.host.host);
  }
}

/** What a lease claims by any of its endpoints, as the backends in use read them. */
function claimsOf(lease: Lease, backends: readonly Backend[]): readonly string[] {
  const claims = backends.flatMap((backend) => {
    const view = leaseAs(lease, backend);
    return view === undefined ? [] : (backend.claims?.(view) ?? []);
  });
  return backends.length > 1 ? [...new Set(claims)] : claims;
}
