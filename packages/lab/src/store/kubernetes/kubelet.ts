import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OverlayError } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { LabHost } from '../../host/lab-host.js';
import { poll } from '../../system/poll.js';
import { IMAGE } from './busybox-image.js';
import type { KubernetesServer } from './kubernetes-server.js';
import { kubeletToken } from './kubernetes-server.js';

/** Where Debian puts the CNI plugins. */
export const CNI_PLUGINS = '/usr/lib/cni';

const CONTAINERD_MS = 30_000;

/** How {@link Kubelet.start} goes about it. */
export interface KubeletOptions {
  /** The folder with the program kubelet. */
  readonly programs: string;
  /** The archive of the image of all pods. */
  readonly image: string;
  readonly survivesLab?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * A kubelet on a host of a lab, with a containerd of its own: the host becomes a real Node. Both are in the host's network
 * namespace and in no other one, so that they see the machine's cgroups.
 */
export class Kubelet {
  readonly host: LabHost;
  readonly #directory: string;
  readonly #options: KubeletOptions;
  readonly #processes: ChildProcess[] = [];

  /**
   * Starts both, and gives containerd the image. The Node is ready once {@link writeCni} has been called.
   *
   * @throws OverlayError `OVERLAY_LAB_STORE` with containerd's log, `OVERLAY_LAB_COMMAND`, `OVERLAY_ABORTED`
   */
  static async start(host: LabHost, server: KubernetesServer, options: KubeletOptions): Promise<Kubelet> {
    const kubelet = new Kubelet(host, options);
    await kubelet.#start(server);
    return kubelet;
  }

  private constructor(host: LabHost, options: KubeletOptions) {
    this.host = host;
    this.#options = options;
    this.#directory = path.join(host.directory, 'kubelet');
    mkdirSync(this.#at('cni'), { recursive: true });
  }

  /** Has pods get their interfaces from the CNI plugins bridge and host-local, by the host's subnet.env. */
  writeCni(): void {
    const network = this.host.podNetwork();
    if (network === undefined) {
      throw new OverlayError('OVERLAY_LAB_NOT_READY', `lab: ${this.host.subnetFile} is not there`);
    }
    const { subnets, networks, mtu } = network;
    const subnet = FAMILIES.flatMap((family) => subnets[family] ?? []);
    const bridge = {
      ...{ type: 'bridge', bridge: 'cni0', mtu, isGateway: true, isDefaultGateway: true, ipMasq: false },
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: this.#at('ipam'),
        ranges: subnet.map((each) => [{ subnet: each }]),
        routes: FAMILIES.flatMap((family) => networks[family] ?? []).map((dst) => ({ dst })),
      },
    };
    const list = { cniVersion: '0.3.1', name: 'overlay', plugins: [bridge] };
    writeFileSync(this.#at('cni', '10-overlay.conflist'), JSON.stringify(list));
  }

  /** Lets this process end while both run. */
  release(): void {
    for (const child of this.#processes) child.unref();
  }

  get #socket(): string {
    return this.#at('containerd.sock');
  }

  #at(...names: string[]): string {
    return path.join(this.#directory, ...names);
  }

  async #start(server: KubernetesServer): Promise<void> {
    const { image, programs, signal } = this.#options;
    writeFileSync(this.#at('containerd.toml'), this.#containerdConfig());
    const containerd = this.#run('containerd', ['containerd', '--config', this.#at('containerd.toml')]);
    const ctr = ['ctr', '-a', this.#socket, '-n', 'k8s.io'];
    const answers = async (): Promise<boolean> =>
      existsSync(this.#socket) && (await this.host.exec([...ctr, 'version'], { check: false })).code === 0;
    const up = await poll(async () => containerd.exitCode !== null || (await answers()), {
      timeoutMs: CONTAINERD_MS,
      intervalMs: 50,
      ...(signal && { signal }),
    });
    if (!up || containerd.exitCode !== null) {
      throw new OverlayError(
        'OVERLAY_LAB_STORE',
        `lab: start containerd on ${this.host.name}: see ${this.#at('containerd.log')}`,
      );
    }
    await this.host.exec([...ctr, 'images', 'import', image], signal && { signal });
    writeFileSync(this.#at('config.json'), JSON.stringify(this.#kubeletConfig()));
    const { ipv4, ipv6 } = this.host.addresses;
    this.#run('kubelet', [
      path.join(programs, 'kubelet'),
      `--config=${this.#at('config.json')}`,
      `--kubeconfig=${server.kubeconfig(`kubelet-${this.host.name}`, kubeletToken(this.host))}`,
      `--hostname-override=${this.host.name}`,
      `--node-ip=${[ipv4, ipv6].filter((address) => address !== undefined).join(',')}`,
      `--root-dir=${this.#at('root')}`,
      `--cert-dir=${this.#at('certificates')}`,
    ]);
  }

  #run(name: string, argv: readonly string[]): ChildProcess {
    const { survivesLab } = this.#options;
    const child = this.host.spawn(argv, { logFile: this.#at(`${name}.log`), ...(survivesLab && { survivesLab }) });
    this.#processes.push(child);
    return child;
  }

  #containerdConfig(): string {
    const text = JSON.stringify;
    return [
      'version = 2',
      `root = ${text(this.#at('containerd'))}`,
      `state = ${text(this.#at('state'))}`,
      '[grpc]',
      `address = ${text(this.#socket)}`,
      '[plugins."io.containerd.grpc.v1.cri"]',
      `sandbox_image = ${text(IMAGE)}`,
      'disable_apparmor = true',
      'restrict_oom_score_adj = true',
      'stream_server_address = "127.0.0.1"',
      '[plugins."io.containerd.grpc.v1.cri".containerd]',
      'snapshotter = "native"',
      '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
      'runtime_type = "io.containerd.runc.v2"',
      '[plugins."io.containerd.grpc.v1.cri".cni]',
      `bin_dir = ${text(CNI_PLUGINS)}`,
      `conf_dir = ${text(this.#at('cni'))}`,
      '',
    ].join('\n');
  }

  /** A kubelet that shares its machine with others: it owns no cgroups, judges no disk, and lets nobody in. */
  #kubeletConfig(): object {
    return {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      address: '127.0.0.1',
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      resolvConf: '',
      failSwapOn: false,
      localStorageCapacityIsolation: false,
      makeIPTablesUtilChains: false,
      evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0.01%', 'imagefs.available': '0.01%' },
      imageGCHighThresholdPercent: 100,
      containerRuntimeEndpoint: `unix://${this.#socket}`,
      podLogsDir: this.#at('pod-logs'),
      volumePluginDir: this.#at('volume-plugins'),
      nodeStatusUpdateFrequency: '2s',
      syncFrequency: '2s',
    };
  }
}
