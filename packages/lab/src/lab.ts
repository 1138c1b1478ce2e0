import { existsSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import path from 'node:path';
import type { Family } from '@overlay/core';
import { abortError, OverlayError, throwIfAborted } from '@overlay/core';
import type { AgentProcess } from './agent/agent-process.js';
import type { ReadyHost } from './agent/ready.js';
import type { AgentOptions, LabPod } from './host/lab-host.js';
import { LabHost } from './host/lab-host.js';
import { NetworkNode } from './host/network-node.js';
import type { LabState } from './lifetime/lab-state.js';
import { DEFAULT_RUN_DIRECTORY, labDirectory, recordKept, recordLab } from './lifetime/lab-state.js';
import { removeDeadLabs, removeLab } from './lifetime/remove-lab.js';
import type { Capture } from './measure/capture.js';
import { capture } from './measure/capture.js';
import type { PairResult, PingPair } from './measure/ping-matrix.js';
import { pingMatrix, waitConnected } from './measure/ping-matrix.js';
import type { Throughput, ThroughputOptions } from './measure/throughput.js';
import { throughput } from './measure/throughput.js';
import { hostScript, machinesOf, routerScript } from './plan/link-scripts.js';
import type { LabOptions } from './plan/options.js';
import { labShape } from './plan/options.js';
import type { Topology } from './plan/topology.js';
import { planTopology } from './plan/topology.js';
import { addNetns, runLines, writeSysctls } from './system/netns.js';
import { requirePrivileges, requireTools } from './system/requirements.js';

/** Hosts as network namespaces on this machine, until it is closed. Made by {@link createLab}. */
export class Lab implements AsyncDisposable {
  readonly topology: Topology;
  /** The folder with all its files. */
  readonly directory: string;
  readonly hosts: readonly LabHost[];
  /** Where servers run that all hosts use, if the lab was made with it. */
  readonly server: NetworkNode | undefined;
  #state: LabState;
  #runDirectory: string;
  #podsPerHost: number;
  #closing: Promise<void> | undefined;
  #captures = 0;

  /** Use {@link createLab}. */
  constructor(topology: Topology, podsPerHost: number, runDirectory: string, state: LabState) {
    this.topology = topology;
    this.directory = labDirectory(runDirectory, topology.id);
    this.hosts = topology.hosts.map((plan) => new LabHost(plan, this.directory));
    this.server = topology.server && new NetworkNode(topology.server);
    this.#runDirectory = runDirectory;
    this.#podsPerHost = podsPerHost;
    this.#state = state;
  }

  get id(): string {
    return this.topology.id;
  }

  /** The pods of all hosts. */
  get pods(): readonly LabPod[] {
    return this.hosts.flatMap((host) => host.pods);
  }

  /** Starts an agent on every host, all at once; does not wait until they are ready. */
  startAgents(options: AgentOptions): readonly AgentProcess[] {
    return this.hosts.map((host) => host.startAgent(options));
  }

  /** Whether every host's agent has written its `subnet.env`. */
  allHaveSubnets(): boolean {
    return this.hosts.every(({ subnetFile }) => existsSync(subnetFile));
  }

  /**
   * Waits until every host's agent is ready, by default at most 10 s.
   *
   * @throws OverlayError as {@link LabHost.waitReady}, of the first host that fails.
   */
  async waitReady(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<readonly ReadyHost[]> {
    const failed = new AbortController();
    const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    // One for each host, which is more than Node takes for a mistake.
    setMaxListeners(0, signal);
    const ends = await Promise.allSettled(
      this.hosts.map(async (host) => {
        try {
          return await host.waitReady({ ...options, signal, mayAsk: () => this.allHaveSubnets() });
        } catch (error) {
          if (!signal.aborted) failed.abort(error);
          throw error;
        }
      }),
    );
    if (options.signal?.aborted) throw abortError('lab: wait for the agents', options.signal);
    if (failed.signal.aborted) throw failed.signal.reason;
    return ends.map((end) => (end as PromiseFulfilledResult<ReadyHost>).value);
  }

  /** Starts pods on a host, or on each: as many as the lab was made with. See {@link LabHost.addPods}. */
  async addPods(host?: LabHost, options: { signal?: AbortSignal } = {}): Promise<readonly LabPod[]> {
    const added: LabPod[] = [];
    for (const each of host === undefined ? this.hosts : [host]) {
      added.push(...(await each.addPods(this.#podsPerHost, options)));
    }
    return added;
  }

  /** See {@link waitConnected}: by default at most 5 s. */
  async waitConnected(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<readonly PingPair[]> {
    return await waitConnected(this.hosts, { timeoutMs: 5000, ...options });
  }

  /** See {@link pingMatrix}. */
  async pingMatrix(options?: Parameters<typeof pingMatrix>[1]): Promise<readonly PairResult[]> {
    return await pingMatrix(this.hosts, options);
  }

  /**
   * Throughput from one pod or host to another, in a family that both have; default the first of those.
   *
   * @throws OverlayError `OVERLAY_LAB_THROUGHPUT`, `OVERLAY_ABORTED`.
   */
  async throughput(
    client: NetworkNode,
    server: NetworkNode,
    options: ThroughputOptions & { family?: Family } = {},
  ): Promise<Throughput> {
    const families = options.family === undefined ? this.topology.families : [options.family];
    const to = families.map((family) => server.addresses[family]).find((address) => address !== undefined);
    if (to === undefined) {
      const what = `throughput from ${client.name} to ${server.name}`;
      throw new OverlayError('OVERLAY_LAB_THROUGHPUT', `${what}: ${server.name} has no ${families.join('/')} address`);
    }
    return await throughput(client, server, to, options);
  }

  /** Captures packets into a file of the lab. See {@link capture}. */
  async capture(
    node: NetworkNode,
    device: string,
    filter = '',
    options: { signal?: AbortSignal } = {},
  ): Promise<Capture> {
    const file = path.join(this.directory, `${node.name}-${device}-${++this.#captures}.pcap`);
    return await capture(node, device, filter, file, options);
  }

  /**
   * Leaves everything running when this process ends; `removeLabs` removes it later. Agents have to be started with
   * `survivesLab`, or the kernel ends them.
   */
  keep(): void {
    this.#state = recordKept(this.#runDirectory, this.#state);
    for (const host of this.hosts) host.agent?.release();
  }

  /**
   * Removes everything: agents (SIGTERM first), pods, hosts, files. Safe to call again and at any moment.
   *
   * @throws OverlayError `OVERLAY_LAB_REMOVE` when something is left; another call tries again.
   */
  async close(): Promise<void> {
    this.#closing ??= removeLab(this.#runDirectory, this.id).catch((error: unknown) => {
      this.#closing = undefined;
      throw error;
    });
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function build(topology: Topology, signal: AbortSignal | undefined): Promise<void> {
  const router = routerScript(topology);
  const hosts = machinesOf(topology).map((host) => hostScript(topology, host));
  await addNetns(
    [router, ...hosts].map(({ netns }) => netns),
    { signal },
  );
  for (const script of [router, ...hosts]) await writeSysctls(script, { signal });
  for (const script of [router, ...hosts]) await runLines(script, { signal });
}

/**
 * Makes a lab: hosts as network namespaces with an underlay between them. Labs whose owner was killed are removed first.
 * Either all of it is there afterwards, or nothing.
 *
 * @throws OverlayError `OVERLAY_LAB_OPTION`, `OVERLAY_LAB_TOOL_MISSING`, `OVERLAY_LAB_PRIVILEGE`, `OVERLAY_LAB_EXISTS`,
 * `OVERLAY_LAB_COMMAND`, `OVERLAY_ABORTED`.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { signal, runDirectory = DEFAULT_RUN_DIRECTORY } = options;
  const shape = labShape(options, () => randomBytes(3).toString('hex'));
  const topology = planTopology(shape);
  requireTools(['ip', 'nsenter', 'setpriv', 'ping']);
  requirePrivileges();
  throwIfAborted('lab: create', signal);
  await removeDeadLabs(runDirectory);
  const state = recordLab(runDirectory, topology.id);
  try {
    const lab = new Lab(topology, shape.pods, runDirectory, state);
    await build(topology, signal);
    return lab;
  } catch (error) {
    await removeLab(runDirectory, topology.id);
    throw error;
  }
}
