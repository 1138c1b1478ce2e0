import { statSync } from 'node:fs';
import path from 'node:path';
import type { Address, Backend, Family, JsonObject, Lease, NetConf, PerFamily } from '@overlay/core';
import { FAMILIES, parseNetConf } from '@overlay/core';
import type { Lab, NetworkNode, Underlay } from '@overlay/lab';
import { createLab } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { until } from '../../suite/until.js';
import type { HostContext } from './overlay-host.js';
import { OverlayHost } from './overlay-host.js';
import { type KernelView } from './kernel-view.js';
import { before, nothingLeft } from './leftovers.js';
import { LogLines } from './log-lines.js';
import { PingStream } from './ping-stream.js';
import { FIRST_UNUSED, SharedStore } from './shared-store.js';

/** The families of an overlay. */
export type FamilyChoice = Family | 'dual';

/** What an environment is to look like. */
export interface WorldOptions {
  readonly hosts: number;
  readonly family: FamilyChoice;
  readonly underlay?: Underlay;
}

/** What all environments of a suite have in common. */
export type WorldInit = Pick<HostContext, 'factory' | 'timeouts'> & {
  readonly type: string;
  /** Options for `Backend` in net-conf.json. */
  readonly options: JsonObject;
};

/** An overlay's network in each family, less its host part: `10.244` and `fd44:0:0`. */
export type NetworkStart = Readonly<Record<Family, string>>;

/** The overlay's networks in all tests. */
const NETWORK: NetworkStart = { ipv4: '10.244', ipv6: 'fd44:0:0' };

/** The configuration that tests run with. */
export function confOf(
  type: string,
  options: JsonObject,
  family: FamilyChoice,
  network: NetworkStart = NETWORK,
): NetConf {
  const last = FIRST_UNUSED - 1;
  const ipv4 =
    family === 'ipv6'
      ? { EnableIPv4: false }
      : { Network: `${network.ipv4}.0.0/16`, SubnetMax: `${network.ipv4}.${last}.0` };
  const ipv6 =
    family === 'ipv4'
      ? {}
      : {
          EnableIPv6: true,
          IPv6Network: `${network.ipv6}::/48`,
          IPv6SubnetMax: `${network.ipv6}:${last.toString(16)}::`,
        };
  return parseNetConf(JSON.stringify({ ...ipv4, ...ipv6, Backend: { ...options, Type: type } }));
}

/** Hosts on a real kernel, for one test. */
export class World {
  readonly lab: Lab;
  readonly netConf: NetConf;
  readonly families: readonly Family[];
  readonly store: SharedStore;
  readonly hosts: readonly OverlayHost[];
  readonly log = new LogLines();
  /** What the backend itself put into each host's kernel until {@link join} was through, pods left out. */
  readonly own = new Map<OverlayHost, KernelView>();
  readonly #init: WorldInit;
  readonly #streams: PingStream[] = [];
  readonly #before: ReturnType<typeof before>;

  private constructor(lab: Lab, init: WorldInit, family: FamilyChoice, start: ReturnType<typeof before>) {
    this.lab = lab;
    this.#init = init;
    this.#before = start;
    this.netConf = confOf(init.type, init.options, family);
    this.families = FAMILIES.filter((each) => this.netConf[each] !== undefined);
    this.store = new SharedStore(this.netConf);
    const { store, netConf, log } = this;
    const context: HostContext = { factory: init.factory, timeouts: init.timeouts, store, netConf, log };
    this.hosts = lab.hosts.map((host) => new OverlayHost(host, context));
  }

  static async create(init: WorldInit, { hosts, family, underlay = 'flat' }: WorldOptions): Promise<World> {
    const start = before();
    const families: readonly Family[] = family === 'dual' ? FAMILIES : [family];
    const lab = await createLab({ hosts, families, underlay });
    return new World(lab, init, family, start);
  }

  host(number: number): OverlayHost {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error(`there are ${this.hosts.length} hosts, no number ${number}`);
    return host;
  }

  /** A backend for this world's configuration, which a test then opens by itself. */
  backend(linux: Linux, hostId: string): Backend {
    return this.#init.factory(linux).create({ netConf: this.netConf, hostId, logger: this.log });
  }

  /** Starts an agent on each of these hosts (all), waits until all know each other, and starts a pod on each. */
  async join(hosts: readonly OverlayHost[] = this.hosts): Promise<void> {
    const empty = await Promise.all(hosts.map((host) => host.view()));
    await Promise.all(hosts.map((host) => host.start()));
    for (const host of hosts) await this.knows(host, hosts.length - 1);
    for (const [index, host] of hosts.entries()) this.own.set(host, (await host.view()).minus(empty[index]));
    for (const host of hosts) await this.addPod(host);
    const apart = await this.lab.waitConnected({ timeoutMs: this.#init.timeouts.join });
    const shown = apart.map(({ from, address }) => `${from.name} to ${address}`);
    if (shown.length > 0) throw new Error(`no answer after all agents were ready: ${shown.join(', ')}`);
  }

  /** Waits until a host's agent has all of so many peers in the kernel. */
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
    await host.lab.addPods(1, { network: { subnets: lease.subnets, networks, mtu } });
  }

  /** Begins to ping, in each family, from one pod to another. */
  pings(from: NetworkNode, to: NetworkNode): readonly PingStream[] {
    return this.families.map((family) => {
      const file = path.join(this.lab.directory, `ping-${this.#streams.length}.log`);
      const stream = new PingStream(from, to.addresses[family] as Address, file);
      this.#streams.push(stream);
      return stream;
    });
  }

  /**
   * The lease of a host that runs no agent: what the backend publishes on the host `from`, with the nth subnets of the
   * network.
   */
  async leaseOf(from: OverlayHost, n: number, options: { id?: string; at?: PerFamily<Address> } = {}): Promise<Lease> {
    const key = options.id ?? `peer-${n}`;
    const attributes = await from.attributes(key, options.at);
    return { key, subnets: this.store.subnets(this.netConf, n), attributes };
  }

  /** Waits until a host's kernel is as in a view. */
  async becomes(host: OverlayHost, wanted: KernelView, timeoutMs: number, what: string): Promise<void> {
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
    const inodes = new Set(
      [this.lab.topology.routerNetns, ...[...this.lab.hosts, ...this.lab.pods].map(({ netns }) => netns)].map(
        (netns) => statSync(`/run/netns/${netns}`).ino,
      ),
    );
    try {
      for (const stream of this.#streams) await stream.close();
      const ends = await Promise.allSettled(this.hosts.map((host) => host.end()));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } finally {
      await this.store.manager.close();
      await this.lab.close();
    }
    await nothingLeft(this.#before, `ovl-${this.lab.id}-`, inodes, this.#init.timeouts.leftovers);
  }
}
