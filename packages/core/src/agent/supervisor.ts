import type { Prefix } from '../address/index.js';
import { errorCode, errorText } from '../errors.js';
import { LeaseTable } from '../lease-table/index.js';
import type { PerFamily } from '../lease.js';
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
import { Dataplane } from './dataplane.js';
import { HostWatch } from './host-watch.js';
import { LeaseFeed } from './lease-feed.js';
import type { AgentOptions } from './options.js';
import type { Plan } from './plan.js';
import { makePlan } from './plan.js';
import { Preflight } from './preflight.js';
import type { RetryPorts } from './retry.js';
import type { PendingConfiguration } from './status.js';
import { SubnetFileWriter } from './subnet-file-writer.js';
import { Succession } from './succession.js';

/** How long a plan rests that cannot be carried out, where the store's content may change that. */
const REST_MS = 30_000;

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
  readonly #options: AgentOptions;
  readonly #events: SupervisorEvents;
  readonly #logger: Logger;
  readonly #log: ChangeLog;
  readonly #clock: Clock;
  readonly #ports: RetryPorts;
  readonly #ending = new AbortController();
  #netConf: NetConf | undefined;
  #pending: (PendingConfiguration & { readonly plan: Plan }) | undefined;
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
    this.feed = new LeaseFeed({ ...ports, subnetManager, table: this.table, log, metrics, changed });
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
    this.preflight = new Preflight({ logger: this.#logger, changed });
    this.file = options.subnetFile && new SubnetFileWriter(options.subnetFile, ports, { log, changed });
    this.succession = new Succession({
      create: (plan) => this.#createDataplane(plan),
      took: (dataplane, plan) => this.#took(dataplane, plan),
      failed: (error, plan, carrying) => this.#failed(error, plan, carrying),
      trouble: (what, error) => this.#logger.warn(`${what}: ${errorText(error)}`),
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
    const { netConf, changes } = this.#pending;
    return { netConf, changes };
  }

  start(): void {
    this.host.start();
    this.config.start();
  }

  /** Takes the pending configuration; false when there is none. Rejects when it does not come to carry. */
  async applyPending(): Promise<boolean> {
    const pending = this.#pending;
    if (pending === undefined) return false;
    this.#pending = undefined;
    await this.succession.take(pending.plan, pending.changes);
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
      const { hostId, backends, metrics } = this.#options;
      const init = { netConf, hostId, logger: this.#logger, clock: this.#clock };
      plan = makePlan(backends, metrics === undefined ? init : { ...init, metrics });
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
    if (this.#netConf === undefined || !succession.carrying) {
      this.#take(plan, []);
      return;
    }
    const own = succession.dataplane?.own?.lease.subnets ?? {};
    const change = compareConfigurations(this.#netConf, netConf, own);
    if (change.kind === 'live') this.#reconfigure(netConf, change.changes);
    if (change.kind === 'moving') this.#moving(plan, change.changes);
  }

  #moving(plan: Plan, changes: readonly string[]): void {
    const text = changes.join('; ');
    if (this.#options.applyChanges === 'now') {
      this.#logger.info(`taking a changed configuration: ${text}`);
      this.#take(plan, changes);
      return;
    }
    this.#pending = { netConf: plan.netConf, plan, changes };
    this.#logger.warn(`a changed configuration is pending, since it moves traffic: ${text}`);
  }

  #reconfigure(netConf: NetConf, changes: readonly string[]): void {
    this.#netConf = netConf;
    this.succession.dataplane?.reconfigure(netConf);
    this.feed.configure(netConf);
    if (changes.length > 0) this.#logger.info(`configuration changed: ${changes.join('; ')}`);
  }

  /** Whoever asked for it learns the outcome from the status. */
  #take(plan: Plan, changes: readonly string[]): void {
    this.succession.take(plan, changes).catch(() => undefined);
  }

  #createDataplane({ netConf, backend }: Plan): Dataplane {
    const { hostId, subnetManager } = this.#options;
    const dataplane: Dataplane = new Dataplane(netConf, backend, {
      ...this.#ports,
      hostId,
      subnetManager,
      host: this.host,
      feed: this.feed,
      log: this.#log,
      wantedSubnets: (signal) => this.#recordedSubnets(signal),
      changed: () => this.#changed(),
      leaseChanged: (lease) => {
        if (this.#netConf !== undefined && this.succession.dataplane === dataplane) this.feed.own(lease);
      },
    });
    return dataplane;
  }

  #took(dataplane: Dataplane, { netConf, backend }: Plan): void {
    this.#netConf = netConf;
    this.feed.configure(netConf);
    this.feed.own(dataplane.own?.lease);
    this.feed.claims((lease) => backend.claims?.(lease) ?? []);
    this.#changed();
  }

  async #recordedSubnets(signal: AbortSignal): Promise<PerFamily<Prefix> | undefined> {
    try {
      const record = await this.#options.subnetFile?.read({ signal });
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
    this.#cancelRest = this.#clock.after(REST_MS, () => this.#take(plan, []));
  }

  #changed(): void {
    this.#followFile();
    this.#followPreflight();
    this.#events.changed();
  }

  /** subnet.env is written once this host can carry traffic, so that nobody starts pods before. */
  #followFile(): void {
    const { dataplane } = this.succession;
    const { own, networkState, snapshotApplied } = dataplane ?? {};
    if (this.file === undefined || own === undefined || networkState?.phase !== 'ready' || !snapshotApplied) return;
    const content: { ipv4?: SubnetEnvFamily; ipv6?: SubnetEnvFamily } = {};
    for (const family of FAMILIES) {
      const subnet = own.lease.subnets[family];
      const conf = this.#netConf?.[family];
      if (subnet !== undefined && conf !== undefined) content[family] = { network: conf.network, subnet };
    }
    const env: SubnetEnv = { ...content, mtu: networkState.mtu, ipMasq: this.#options.ipMasq ?? false };
    this.file.want(env);
  }

  #followPreflight(): void {
    const { dataplane } = this.succession;
    const phase = dataplane?.networkState?.phase;
    if (dataplane === undefined || phase === undefined || phase === 'starting') return;
    // It starts programs, and pods wait for subnet.env.
    const fileIsNext = this.file !== undefined && this.file.written === undefined && this.file.problem === undefined;
    if (phase === 'ready' && fileIsNext) return;
    this.preflight.run(dataplane.backend, this.host.host);
  }
}
