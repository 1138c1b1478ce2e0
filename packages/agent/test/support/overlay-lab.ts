import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Family } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import { createLab, EtcdServer, KubernetesServer } from '@overlay/lab';
import type { AgentProcess, EtcdServerOptions, Lab, LabHost, NetworkNode } from '@overlay/lab';
import { KUBERNETES } from './kubernetes-servers.js';
import { until } from './until.js';

const OVERLAYD = fileURLToPath(new URL('../../bin/overlayd.cjs', import.meta.url));
const HEALTH_PORT = 8081;
/** Whatever else the machine is at. */
const START_MS = 30_000;
let made = 0;

export interface OverlayLabOptions {
  readonly hosts: number;
  readonly families?: readonly Family[];
  readonly backend: object;
  /** Where leases are kept: in a folder unless told. */
  readonly store?: 'local' | 'etcd' | 'kube';
  /** Of etcd, once it is known where its lab keeps files. */
  readonly etcd?: (lab: Lab) => EtcdServerOptions;
}

/** Hosts on one link, whose agents share a store, and what a test asks of them. */
export class OverlayLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly netConf: string;
  readonly store: string;
  readonly #remote: EtcdServer | KubernetesServer | undefined;

  private constructor(lab: Lab, remote?: EtcdServer | KubernetesServer) {
    this.lab = lab;
    this.netConf = lab.directory + '/net-conf.json';
    this.store = join(lab.directory, 'store');
    this.#remote = remote;
  }

  static async create(options: OverlayLabOptions): Promise<OverlayLab> {
    const { hosts, families = ['ipv4'], backend, store = 'local' } = options;
    const server = store !== 'local';
    const lab = await createLab({ name: `ovt-${process.pid}-${++made}`, hosts, families, pods: 1, server });
    // Subnets from 200 on are left to leases that a test makes up.
    const ipv4 = families.includes('ipv4')
      ? { Network: '10.244.0.0/16', SubnetMax: '10.244.99.0' }
      : { EnableIPv4: false };
    const ipv6 = families.includes('ipv6')
      ? { EnableIPv6: true, IPv6Network: 'fd00:244::/48', IPv6SubnetMax: 'fd00:244:0:99::' }
      : {};
    const netConf = JSON.stringify({ ...ipv4, ...ipv6, Backend: backend });
    try {
      return new OverlayLab(lab, await startStore(lab, options, netConf));
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  get etcd(): EtcdServer {
    if (this.#remote?.name !== 'etcd') throw new Error('the lab does not keep its leases in etcd');
    return this.#remote;
  }

  get kubernetes(): KubernetesServer {
    if (this.#remote?.name !== 'kube') throw new Error('the lab does not keep its leases in Kubernetes');
    return this.#remote;
  }

  /** A host by its place, from 0 on. */
  host(place: number): LabHost {
    const host = this.lab.hosts[place];
    if (host === undefined) throw new Error(`the lab has no host ${place}`);
    return host;
  }

  /** A file for what a test writes about a host. */
  file(node: NetworkNode, name: string): string {
    return join(this.lab.directory, `${node.name}-${name}`);
  }

  /** What every command of a host needs to know. */
  flags(host: LabHost): string[] {
    return [
      ...(this.#remote?.agentArgs() ?? [`--local-store=${this.store}`, `--net-config-path=${this.netConf}`]),
      `--subnet-file=${host.subnetFile}`,
      `--state-dir=${this.file(host, 'state')}`,
      `--run-dir=${this.file(host, 'control')}`,
      `--host-id=${host.name}`,
    ];
  }

  /** Starts a host's agent; see {@link AgentProcess} for what becomes of an old subnet.env. */
  start(host: LabHost, ...more: string[]): AgentProcess {
    const { NODE_OPTIONS: _ignored, ...env } = process.env;
    return host.startAgent({
      program: [process.execPath, OVERLAYD],
      env: () => ({ ...env, ...(this.#remote?.name === 'kube' ? this.#remote.agentEnv(host) : {}) }),
      healthPort: HEALTH_PORT,
      args: () => [
        ...this.flags(host),
        '--healthz-ip=127.0.0.1',
        `--healthz-port=${HEALTH_PORT}`,
        '--iface=eth0',
        ...more,
      ],
    });
  }

  /** Starts all agents, waits until they are ready and know each other, and adds a pod to each host. */
  async startAll(): Promise<void> {
    for (const host of this.lab.hosts) this.start(host);
    await this.lab.waitReady({ timeoutMs: START_MS });
    await this.lab.addPods();
    await this.lab.waitConnected({ timeoutMs: START_MS });
  }

  /** What an agent says of itself. */
  async status(host: LabHost): Promise<Record<string, unknown>> {
    return JSON.parse((await host.health('/status')).body) as Record<string, unknown>;
  }

  /** Waits until an agent knows so many peers and has nothing left to do for them. */
  async settled(host: LabHost, peers: number): Promise<void> {
    await until(async () => {
      const { readiness, network } = await this.status(host);
      const { ready } = readiness as { ready: boolean };
      const found = network as { peers: number; pending: number } | undefined;
      return ready && found?.peers === peers && found.pending === 0;
    }, `${host.name} has ${peers} peers`);
  }

  /** Runs `ip -j` on a host, with arguments as one would type them, and reads what it says. */
  async objects(host: NetworkNode, line: string): Promise<Record<string, unknown>[]> {
    const { stdout } = await host.exec(['ip', '-d', '-j', ...line.split(' ')]);
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Record<string, unknown>[]);
  }

  /** Everything of a host's overlay in the kernel, as sorted lines. */
  async everything(host: NetworkNode): Promise<readonly string[]> {
    const lines: string[] = [];
    for (const command of ['ip -4 route', 'ip -6 route', 'ip neigh show nud permanent', 'bridge fdb show']) {
      const { stdout } = await host.exec(command.split(' '));
      lines.push(...stdout.split('\n').map((line) => `${command.split(' ', 2).join(' ')}: ${line.trim()}`));
    }
    return lines.sort();
  }

  /** Puts a lease of a host that is not there into the store, or another one in its place. */
  putLease(name: string, lease: object): void {
    mkdirSync(this.store, { recursive: true });
    writeFileSync(join(this.store, name), JSON.stringify(lease));
  }

  removeLease(name: string): void {
    rmSync(join(this.store, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
  }
}

/** Starts where leases are kept, and puts the configuration there. */
async function startStore(
  lab: Lab,
  { store, etcd: etcdOptions }: OverlayLabOptions,
  netConf: string,
): Promise<EtcdServer | KubernetesServer | undefined> {
  switch (store) {
    case 'etcd': {
      const etcd = await EtcdServer.start(lab, etcdOptions?.(lab));
      await etcd.putNetConf(netConf);
      return etcd;
    }
    case 'kube':
      return await KubernetesServer.start(lab, {
        programs: KUBERNETES,
        netConf: parseNetConf(netConf),
        netConfText: netConf,
      });
    default:
      writeFileSync(join(lab.directory, 'net-conf.json'), netConf);
      return undefined;
  }
}
