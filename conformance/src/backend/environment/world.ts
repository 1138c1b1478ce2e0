import type { Address, Backend, Family, JsonObject, Lease, NetConf, PerFamily } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { Lab, LabHost, LabPod } from '@overlay/lab';
import { until } from '../../suite/until.js';
import type { FamilyChoice } from './conf.js';
import { confOf } from './conf.js';
import type { Attachment, BackendEnvironment, Pod, Site, SiteWish, TrafficStream } from './environment.js';
import { LogLines } from './log-lines.js';
import type { HostContext } from './overlay-host.js';
import { OverlayHost } from './overlay-host.js';
import { SharedStore } from './shared-store.js';
import type { View } from './view.js';

/** What an environment is to look like. */
export interface WorldOptions {
  readonly hosts: number;
  readonly family: FamilyChoice;
  readonly underlay?: SiteWish['underlay'];
}

/** What all worlds of a suite have in common. */
export type WorldInit = Pick<HostContext, 'factory' | 'timeouts'> & {
  readonly environment: BackendEnvironment<unknown>;
  readonly type: string;
  /** Options for `Backend` in net-conf.json. */
  readonly options: JsonObject;
};

/** Hosts with one configuration and one store, for one test. */
export class World {
  readonly site: Site<unknown>;
  readonly netConf: NetConf;
  readonly families: readonly Family[];
  readonly store: SharedStore;
  readonly hosts: readonly OverlayHost[];
  readonly log = new LogLines();
  /** What the backend itself put into each host's data path until {@link join} was through, pods left out. */
  readonly own = new Map<OverlayHost, View>();
  readonly #init: WorldInit;
  readonly #streams: TrafficStream[] = [];

  private constructor(site: Site<unknown>, init: WorldInit, family: FamilyChoice) {
    this.site = site;
    this.#init = init;
    this.netConf = confOf(init.type, init.options, family);
    this.families = FAMILIES.filter((each) => this.netConf[each] !== undefined);
    this.store = new SharedStore(this.netConf);
    const { store, netConf, log } = this;
    const context: HostContext = { factory: init.factory, timeouts: init.timeouts, store, netConf, log };
    this.hosts = site.machines.map((machine) => new OverlayHost(machine, context));
  }

  static async create(init: WorldInit, { hosts, family, underlay = 'flat' }: WorldOptions): Promise<World> {
    const families: readonly Family[] = family === 'dual' ? FAMILIES : [family];
    return new World(await init.environment.create({ hosts, families, underlay }), init, family);
  }

  /** The namespaces, for tests that need some. */
  get lab(): Lab {
    const { lab } = this.site;
    if (lab === undefined) throw new Error('the test does not say that it needs network namespaces');
    return lab;
  }

  host(number: number): OverlayHost {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error(`there are ${this.hosts.length} hosts, no number ${number}`);
    return host;
  }

  /** The namespaces of a host and of its first pod, for tests that need some. */
  namespaces({ name, pod }: OverlayHost): { readonly host: LabHost; readonly pod: LabPod } {
    const host = this.lab.hosts.find((each) => each.name === name);
    const found = host?.pods.find((each) => each.name === pod.name);
    if (host === undefined || found === undefined) throw new Error(`no namespaces of ${name} and ${pod.name}`);
    return { host, pod: found };
  }

  /** A backend for this world's configuration, which a test then opens by itself. */
  backend(attachment: Attachment<unknown>, hostId: string): Backend {
    return this.#init.factory(attachment.platform).create({ netConf: this.netConf, hostId, logger: this.log });
  }

  /** Starts an agent on each of these hosts (all), waits until all know each other, and starts a pod on each. */
  async join(hosts: readonly OverlayHost[] = this.hosts): Promise<void> {
    const empty = await Promise.all(hosts.map((host) => host.view()));
    await Promise.all(hosts.map((host) => host.start()));
    for (const host of hosts) await this.knows(host, hosts.length - 1);
    for (const [index, host] of hosts.entries()) this.own.set(host, (await host.view()).minus(empty[index]));
    for (const host of hosts) await this.addPod(host);
    const apart = await this.site.waitConnected(this.#init.timeouts.join);
    if (apart.length > 0) throw new Error(`no answer after all agents were ready: ${apart.join(', ')}`);
  }

  /** Waits until a host's agent has all of so many peers in place. */
  async knows(host: OverlayHost, peers: number): Promise<void> {
    await until(
      () =>
        `${host.name} has ${peers} peers in place; its status: ${JSON.stringify(host.running.agent.status().network)}`,
      this.#init.timeouts.join,
      () => {
        const { network } = host.running.agent.status();
        return network?.peers === peers && network.pending === 0;
      },
    );
  }

  /** Starts a pod on a host whose agent is ready. */
  async addPod(host: OverlayHost, mtu = host.running.agent.status().mtu): Promise<void> {
    const lease = host.running.agent.status().ownLease;
    if (lease === undefined || mtu === undefined) throw new Error(`${host.name} has no lease or MTU yet`);
    const networks = Object.fromEntries(this.families.map((family) => [family, [this.netConf[family]?.network]]));
    await host.machine.addPod({ subnets: lease.subnets, networks, mtu });
  }

  /** Begins to ping, in each family, from one pod to another. */
  pings(from: Pod, to: Pod): readonly TrafficStream[] {
    return this.families.map((family) => {
      const stream = this.site.stream(from, to.addresses[family] as Address);
      this.#streams.push(stream);
      return stream;
    });
  }

  /**
   * The lease of a host that runs no agent: what the backend publishes on the host `from`, with the nth subnets of the
   * network.
   */
  async leaseOf(
    from: OverlayHost,
    n: number,
    options: { id?: string; at?: PerFamily<Address>; netConf?: NetConf } = {},
  ): Promise<Lease> {
    const { id: key = `peer-${n}`, netConf = this.netConf } = options;
    const attributes = await from.attributes(key, options);
    return { key, subnets: this.store.subnets(netConf, n), attributes };
  }

  /** Waits until a host's data path is as in a view. */
  async becomes(host: OverlayHost, wanted: View, timeoutMs: number, what: string): Promise<void> {
    let now = wanted;
    await until(
      () => `${what} on ${host.name}: ${now.differences(wanted).join('; ')}`,
      timeoutMs,
      async () => {
        now = await host.view();
        return now.differences(wanted).length === 0;
      },
    );
  }

  /** Ends everything and looks for what is left over. */
  async close(): Promise<void> {
    try {
      for (const stream of this.#streams) await stream.close();
      const ends = await Promise.allSettled(this.hosts.map((host) => host.end()));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } finally {
      await this.store.manager.close();
      await this.site.close(this.#init.timeouts.leftovers);
    }
  }
}
