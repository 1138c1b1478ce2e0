import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Address, PerFamily } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import { AgentProcess } from '../agent/agent-process.js';
import type { HealthAnswer } from '../agent/health.js';
import { health } from '../agent/health.js';
import type { ReadyHost } from '../agent/ready.js';
import { readPodNetwork, waitAgentReady } from '../agent/ready.js';
import type { PodNetwork } from '../plan/pods.js';
import { planPods, podHostScript, podScript } from '../plan/pods.js';
import type { HostPlan } from '../plan/topology.js';
import { addNetns, runLines, writeSysctls } from '../system/netns.js';
import { NetworkNode } from './network-node.js';

/** The agent to start on a host. */
export interface AgentOptions {
  /** The program and its first arguments. */
  readonly program: readonly string[];
  /** The other arguments, for a host. */
  readonly args?: (host: LabHost) => readonly string[];
  /** Its environment, or what that is for a host; default this process's own. */
  readonly env?: NodeJS.ProcessEnv | ((host: LabHost) => NodeJS.ProcessEnv);
  /** The port on 127.0.0.1, inside the host, where it answers `/readyz`; absent: it does not. */
  readonly healthPort?: number;
  /** True: it goes on when this process ends. Default false: the kernel then kills it. */
  readonly survivesLab?: boolean;
}

/** A pod: a namespace behind its host's bridge. */
export class LabPod extends NetworkNode {
  readonly host: LabHost;
  /** MTU of its `eth0` in bytes. */
  readonly mtu: number;

  constructor(plan: ConstructorParameters<typeof NetworkNode>[0], host: LabHost, mtu: number) {
    super(plan);
    this.host = host;
    this.mtu = mtu;
  }
}

/** A host of a lab. Its `addresses` are the underlay's: what it publishes as public IPs. */
export class LabHost extends NetworkNode {
  readonly plan: HostPlan;
  /** The host's files: its log, its subnet.env. */
  readonly directory: string;
  #agent: AgentProcess | undefined;
  #pods: LabPod[] = [];

  constructor(plan: HostPlan, labDirectory: string) {
    super(plan);
    this.plan = plan;
    this.directory = path.join(labDirectory, plan.name);
    mkdirSync(this.directory, { recursive: true });
  }

  get subnetFile(): string {
    return path.join(this.directory, 'subnet.env');
  }

  get logFile(): string {
    return path.join(this.directory, 'agent.log');
  }

  get pods(): readonly LabPod[] {
    return this.#pods;
  }

  /** The agent that was started last. */
  get agent(): AgentProcess | undefined {
    return this.#agent;
  }

  /**
   * Starts an agent, also after an earlier one has ended; does not wait until it is ready.
   *
   * @throws OverlayError `OVERLAY_LAB_AGENT_RUNNING` while the host has one that runs: a second one is started by `spawn`.
   */
  startAgent(options: AgentOptions): AgentProcess {
    if (this.#agent !== undefined && this.#agent.exit === undefined) {
      throw new OverlayError(
        'OVERLAY_LAB_AGENT_RUNNING',
        `lab: start an agent on ${this.name}: one is running (${this.#agent.pid})`,
      );
    }
    this.#agent = new AgentProcess(this, {
      argv: [...options.program, ...(options.args?.(this) ?? [])],
      env: typeof options.env === 'function' ? options.env(this) : options.env,
      subnetFile: this.subnetFile,
      logFile: this.logFile,
      healthPort: options.healthPort,
      survivesLab: options.survivesLab,
    });
    return this.#agent;
  }

  /**
   * Waits until the host's agent is ready, by default at most 10 s.
   *
   * @throws OverlayError `OVERLAY_LAB_AGENT_EXITED`, `OVERLAY_LAB_NOT_READY`, `OVERLAY_LAB_SUBNET_ENV`, `OVERLAY_ABORTED`.
   */
  async waitReady(
    options: { timeoutMs?: number; signal?: AbortSignal; mayAsk?: () => boolean } = {},
  ): Promise<ReadyHost> {
    if (this.#agent === undefined) throw new TypeError(`lab: wait for the agent on ${this.name}: none was started`);
    return await waitAgentReady(this, this.#agent, { timeoutMs: 10_000, ...options });
  }

  /** Asks the agent's health port: `/readyz`, `/healthz`, `/metrics`. */
  async health(what: string, options: { signal?: AbortSignal } = {}): Promise<HealthAnswer> {
    const port = this.#agent?.command.healthPort;
    if (port === undefined) throw new TypeError(`lab: ask ${what} on ${this.name}: no agent with a health port`);
    return await health(this, port, what, options);
  }

  /** What the pods get, from the host's subnet.env; undefined while there is none. */
  podNetwork(): PodNetwork | undefined {
    return readPodNetwork(this.subnetFile);
  }

  /** Takes over pods that somebody else has started, with the MTU of the host's subnet.env. */
  adoptPods(
    pods: readonly { readonly name: string; readonly netns: string; readonly addresses: PerFamily<Address> }[],
  ): void {
    const network = this.podNetwork();
    if (network === undefined) {
      throw new OverlayError('OVERLAY_LAB_NOT_READY', `lab: ${this.name}: ${this.subnetFile} is not there`);
    }
    const { mtu } = network;
    this.#pods.push(...pods.map((pod) => new LabPod(pod, this, mtu)));
  }

  /**
   * Starts pods as CNI's bridge plugin would: `cni0` with the subnet's first address, forwarding on, and behind it a
   * namespace for each pod.
   *
   * @param options `network`: from the host's subnet.env unless told.
   * @throws OverlayError `OVERLAY_LAB_NOT_READY` when neither tells a subnet, `OVERLAY_LAB_OPTION` when the subnet is
   * too small, `OVERLAY_LAB_COMMAND`, `OVERLAY_ABORTED`.
   */
  async addPods(
    count: number,
    options: { network?: PodNetwork; signal?: AbortSignal } = {},
  ): Promise<readonly LabPod[]> {
    const network = options.network ?? this.podNetwork();
    if (network === undefined) {
      throw new OverlayError('OVERLAY_LAB_NOT_READY', `lab: add pods to ${this.name}: ${this.subnetFile} is not there`);
    }
    const { signal } = options;
    const plans = planPods(this.plan, network, this.#pods.length, count);
    if (plans.length === 0) return [];
    const hostSide = podHostScript(this.plan, network, plans, this.#pods.length === 0);
    const podSides = plans.map((plan) => podScript(network, plan));
    await addNetns(
      plans.map((plan) => plan.netns),
      { signal },
    );
    for (const script of [hostSide, ...podSides]) await writeSysctls(script, { signal });
    for (const script of [hostSide, ...podSides]) await runLines(script, { signal });
    const pods = plans.map((plan) => new LabPod(plan, this, network.mtu));
    this.#pods.push(...pods);
    return pods;
  }
}
