import path from 'node:path';
import process from 'node:process';
import type { Address } from '@overlay/core';
import type { ReadyHost } from '../agent/ready.js';
import type { LabHost } from '../host/lab-host.js';
import type { Lab } from '../lab.js';
import { createLab } from '../lab.js';
import type { PairResult } from '../measure/ping-matrix.js';
import { EtcdServer } from '../store/etcd-server.js';
import type { LabStore } from '../store/lab-store.js';
import { writeBusyboxImage } from '../store/kubernetes/busybox-image.js';
import { Kubelet } from '../store/kubernetes/kubelet.js';
import { KubernetesServer } from '../store/kubernetes/kubernetes-server.js';
import { createPods, deletePods, nodesReady } from '../store/kubernetes/real-pods.js';
import { LocalFolder } from '../store/local-folder.js';
import { mapBounded } from '../system/bounded.js';
import { findTool, requireTools } from '../system/requirements.js';
import type { LabRunArguments } from './arguments.js';
import type { LabIo } from './lab-io.js';
import type { NetworkChoice } from './network-choice.js';
import type { Progress } from './progress.js';
import type { LabOutcome, ThroughputReport } from './report.js';

/** Where an agent answers `/readyz` in its own namespace; nothing else is there, so every host has the same. */
const HEALTH_PORT = 9980;
/** How long agents have to get ready, and pods to reach each other after that, in milliseconds. */
const READY_MS = 20_000;
/** An agent waits for its kubelet to register the host, and for Kubernetes to give it a podCIDR. */
const REGISTERED_MS = 60_000;
const CONNECTED_MS = 5000;

/** One run of `overlay lab`, step by step; what is known so far can be told at any moment, also after a failure. */
export class LabSession {
  readonly args: LabRunArguments;
  readonly network: NetworkChoice;
  #io: LabIo;
  #progress: Progress;
  #signal: AbortSignal;
  #lab: Lab | undefined;
  #kubernetes: KubernetesServer | undefined;
  #kubelets: readonly Kubelet[] = [];
  #ready = new Map<LabHost, ReadyHost>();
  #pings: readonly PairResult[] = [];
  #throughput: ThroughputReport[] = [];

  constructor(args: LabRunArguments, network: NetworkChoice, io: LabIo, progress: Progress, signal: AbortSignal) {
    this.args = args;
    this.network = network;
    this.#io = io;
    this.#progress = progress;
    this.#signal = signal;
  }

  /** The lab, once it is made. */
  get lab(): Lab | undefined {
    return this.#lab;
  }

  /** What is known now. */
  outcome(error?: string): LabOutcome {
    return {
      store: this.args.store.kind,
      backend: this.network.backend,
      family: this.network.family,
      hosts: this.#lab?.hosts ?? [],
      ready: this.#ready,
      pings: this.#pings,
      throughput: this.#throughput,
      error,
    };
  }

  /** Makes the hosts and their underlay. */
  async create(): Promise<Lab> {
    const { args, network } = this;
    if (args.perf) requireTools(['iperf3'], this.#io.env);
    this.#lab = await createLab({
      hosts: args.hosts,
      underlay: args.underlay,
      families: network.families,
      pods: args.pods,
      mtu: args.mtu,
      server: args.store.kind !== 'local',
      avoid: network.families.flatMap((family) => network.netConf[family]?.network ?? []),
      runDirectory: this.#io.runDirectory,
      signal: this.#signal,
    });
    return this.#lab;
  }

  /** Starts the agents and waits until each is ready. */
  async startAgents(lab: Lab): Promise<void> {
    const { keep } = this.args;
    const store = await this.#startStore(lab);
    // The caller's settings for an agent of this machine are not meant for the lab's.
    const env = Object.fromEntries(
      Object.entries(this.#io.env ?? process.env).filter(([key]) => !/^(FLANNELD_|NOTIFY_SOCKET$)/.test(key)),
    );
    this.#progress.line(`starting ${lab.hosts.length} agents`);
    lab.startAgents({
      program: this.#io.agent,
      args: (host) => [
        ...store.agentArgs(host),
        `--subnet-file=${host.subnetFile}`,
        `--state-dir=${path.join(host.directory, 'state')}`,
        `--run-dir=${host.directory}`,
        '--healthz-ip=127.0.0.1',
        `--healthz-port=${HEALTH_PORT}`,
        `--host-id=${host.name}`,
        '--iface=eth0',
      ],
      env: (host) => ({ ...env, ...store.agentEnv?.(host) }),
      healthPort: HEALTH_PORT,
      survivesLab: keep,
    });
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#signal, failed.signal]);
    const timeoutMs = this.args.kubelets ? REGISTERED_MS : READY_MS;
    const ends = await Promise.allSettled(
      lab.hosts.map(async (host) => {
        try {
          this.#ready.set(host, await host.waitReady({ timeoutMs, signal, mayAsk: () => lab.allHaveSubnets() }));
          this.#progress.count('agents ready', this.#ready.size, lab.hosts.length);
        } catch (error) {
          if (!signal.aborted) failed.abort(error);
          throw error;
        }
      }),
    );
    if (failed.signal.aborted) throw failed.signal.reason;
    const end = ends.find((each) => each.status === 'rejected');
    if (end !== undefined) throw end.reason;
  }

  /** Starts what the agents keep their leases in. */
  async #startStore(lab: Lab): Promise<LabStore> {
    const { store, keep } = this.args;
    const { text } = this.network;
    if (store.kind === 'local') return new LocalFolder(lab.directory, text, store.directory);
    if (store.kind === 'kube') return await this.#startKubernetes(lab);
    this.#progress.line('starting etcd');
    const etcd = await EtcdServer.start(lab, { survivesLab: keep, signal: this.#signal });
    await etcd.putNetConf(text);
    if (keep) etcd.release();
    return etcd;
  }

  async #startKubernetes(lab: Lab): Promise<KubernetesServer> {
    const { keep } = this.args;
    const { text, netConf } = this.network;
    this.#progress.line('starting etcd, kube-apiserver and kube-controller-manager');
    const kubernetes = await KubernetesServer.start(lab, {
      programs: this.#io.kubernetesPrograms ?? '',
      netConf,
      netConfText: text,
      kubelets: this.args.kubelets,
      survivesLab: keep,
      signal: this.#signal,
    });
    if (keep) kubernetes.release();
    this.#kubernetes = kubernetes;
    if (this.args.kubelets) await this.#startKubelets(lab, kubernetes);
    return kubernetes;
  }

  async #startKubelets(lab: Lab, server: KubernetesServer): Promise<void> {
    const { keep } = this.args;
    const signal = this.#signal;
    this.#progress.line(`starting ${lab.hosts.length} kubelets, each with a containerd`);
    const busybox = findTool('busybox', this.#io.env);
    const image = await writeBusyboxImage(path.join(lab.directory, 'image'), busybox, signal);
    const options = { programs: this.#io.kubernetesPrograms ?? '', image, survivesLab: keep, signal };
    this.#kubelets = await Promise.all(lab.hosts.map((host) => Kubelet.start(host, server, options)));
    if (keep) for (const kubelet of this.#kubelets) kubelet.release();
  }

  async #startRealPods(lab: Lab): Promise<void> {
    for (const kubelet of this.#kubelets) kubelet.writeCni();
    const server = this.#kubernetes as KubernetesServer;
    await nodesReady(server, lab.hosts, { signal: this.#signal });
    this.#progress.line('every host is a Node that is ready, and its network is not unavailable');
    await createPods(server, lab.hosts, { count: this.args.pods, signal: this.#signal });
  }

  /** Removes everything; what containerd runs in order, as far as that is possible. */
  async close(): Promise<void> {
    if (this.#kubernetes !== undefined && this.#kubelets.length > 0) {
      await deletePods(this.#kubernetes).catch(() => undefined);
    }
    await this.#lab?.close();
  }

  /** Starts the pods and waits until they reach each other, or it is clear that some do not. */
  async startPods(lab: Lab): Promise<void> {
    if (this.#kubelets.length > 0) await this.#startRealPods(lab);
    else await mapBounded(lab.hosts, 2, async (host) => await lab.addPods(host, { signal: this.#signal }));
    this.#progress.line(`${lab.pods.length} pods started`);
    const apart = await lab.waitConnected({ timeoutMs: CONNECTED_MS, signal: this.#signal });
    if (apart.length > 0) this.#progress.line(`${apart.length} pairs of pods still do not reach each other`);
  }

  /** The ping matrix. */
  async ping(lab: Lab): Promise<readonly PairResult[]> {
    this.#pings = await lab.pingMatrix({
      signal: this.#signal,
      onResult: (_, done, of) => this.#progress.count('pings', done, of),
    });
    return this.#pings;
  }

  /** Throughput between two pods on different hosts, in each family. */
  async measure(lab: Lab): Promise<void> {
    const [server, client] = lab.hosts.map((host) => host.pods[0]);
    if (client === undefined || server === undefined) return;
    for (const family of this.network.families) {
      this.#progress.line(`iperf3 from ${client.name} to ${server.name}, ${family}`);
      const { mbps } = await lab.throughput(client, server, { family, signal: this.#signal });
      const from = client.addresses[family] as Address;
      this.#throughput.push({ from, to: server.addresses[family] as Address, mbps: Math.round(mbps), family });
    }
  }
}
