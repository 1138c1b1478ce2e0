import { BehaviorSubject } from 'rxjs';
import type { AgentOptions, HostState, Lease, NetConf, StateFile } from '@overlay/core';
import { Agent, StaticSubnetManager } from '@overlay/core';
import type { FakeNetwork } from './fake-backend.js';
import { FakeBackendControl } from './fake-backend.js';
import { HandClock, RecordingLogger, settle } from '@overlay/core/testing';
import { conf, host } from './world.js';

/** A record in memory. */
export class MemoryRecord implements StateFile {
  text: string | undefined;
  writes = 0;
  failing = false;

  async read(): Promise<string | undefined> {
    return this.text;
  }

  async write(text: string): Promise<void> {
    if (this.failing) throw new Error('disk full');
    this.writes++;
    this.text = text;
  }
}

/** What a network has put into the kernel of a host: it stays there when its agent goes. */
interface Installed {
  peers: ReadonlySet<string>;
  network: FakeNetwork;
}

/** A host whose agent can be stopped, killed as far as the cluster can tell, and started again. */
export class ClusterHost {
  readonly record = new MemoryRecord();
  readonly logger = new RecordingLogger();
  /** By endpoint. */
  readonly kernel = new Map<string, Installed>();
  backend = new FakeBackendControl();
  agent!: Agent;

  constructor(
    readonly name: string,
    readonly number: number,
  ) {}

  /** The endpoints by which it can receive. */
  get receives(): string[] {
    return [...this.kernel.keys()];
  }
}

/**
 * Hosts that share a store and a clock, with a kernel in memory each, of which it is checked after every turn that
 * packets of every host reach every other one: what it sends by, the other one receives.
 */
export class Cluster {
  readonly clock = new HandClock();
  readonly store: StaticSubnetManager;
  readonly hosts: ClusterHost[];
  /** What was found wrong. */
  readonly gaps = new Set<string>();
  #checking = false;
  #watching = false;

  constructor(
    count: number,
    leases: readonly Lease[] = [],
    private readonly options: Partial<AgentOptions> = {},
  ) {
    this.store = new StaticSubnetManager({ netConf: conf(), leases, clock: this.clock });
    this.hosts = Array.from({ length: count }, (_, at) => new ClusterHost('abcdef'[at], at + 1));
  }

  static async start(...args: ConstructorParameters<typeof Cluster>): Promise<Cluster> {
    const cluster = new Cluster(...args);
    for (const one of cluster.hosts) cluster.launch(one);
    await settle();
    await settle();
    cluster.#watching = true;
    cluster.check();
    return cluster;
  }

  /** Starts an agent for a host: the first one, or the next. */
  launch(one: ClusterHost): void {
    const backend = new FakeBackendControl();
    backend.onChange = (network) => this.#changed(one, network);
    one.backend = backend;
    one.agent = new Agent({
      hostId: one.name,
      subnetManager: this.store,
      backends: ['fake', 'other', 'third'].map((type) => backend.factory(type)),
      host$: new BehaviorSubject<HostState>({ host: host(one.number) }),
      stateFile: one.record,
      clock: this.clock,
      logger: one.logger,
      random: () => 0,
      ...this.options,
    });
    one.agent.start().catch(() => undefined);
  }

  async restart(one: ClusterHost): Promise<void> {
    await one.agent.stop();
    this.launch(one);
    await settle();
  }

  /** Gives all hosts another configuration. */
  async configure(netConf: NetConf): Promise<void> {
    this.store.setNetConf(netConf);
    await settle();
  }

  async apply(one: ClusterHost): Promise<void> {
    await one.agent.applyPending();
    await settle();
  }

  /** The endpoints by which hosts publish that they can be reached, the primary one first. */
  published(one: ClusterHost): string[] {
    const { backendType, endpoints = [] } = one.agent.status().ownLease?.attributes ?? { backendType: '' };
    return [backendType, ...endpoints.map(({ id }) => id)];
  }

  async stop(): Promise<void> {
    this.#watching = false;
    await Promise.all(this.hosts.map(({ agent }) => agent.stop()));
  }

  /** Notes every pair that cannot talk at this moment. */
  check(): void {
    for (const from of this.hosts) {
      for (const to of this.hosts) {
        if (from === to) continue;
        const ways = [...from.kernel].filter(([, { peers }]) => peers.has(to.name)).map(([id]) => id);
        if (ways.length === 0) this.gaps.add(`${from.name} has no way to ${to.name}`);
        for (const id of ways) {
          if (!to.kernel.has(id)) this.gaps.add(`${from.name} sends to ${to.name} by ${id}, which does not receive it`);
        }
      }
    }
  }

  #changed(one: ClusterHost, network: FakeNetwork): void {
    const id = network.backend.endpointId;
    const installed = one.kernel.get(id);
    if (network.closed) {
      if (network.removed && installed?.network === network) one.kernel.delete(id);
    } else {
      one.kernel.set(id, { peers: new Set(network.peers.keys()), network });
    }
    if (this.#checking) return;
    this.#checking = true;
    queueMicrotask(() => {
      this.#checking = false;
      // What bears the marks of an agent and is wanted by none of its networks that have the peers is removed.
      for (const host of this.hosts) {
        const wanted = host.backend.networks.filter((open) => !open.closed);
        const informed = wanted.some(({ updates }) => updates.length > 0);
        for (const [key, { network: owner }] of host.kernel) {
          const stale =
            !wanted.some((open) => open.backend.endpointId === key) && !host.backend.networks.includes(owner);
          if (informed && stale) host.kernel.delete(key);
        }
      }
      if (this.#watching) this.check();
    });
  }
}
