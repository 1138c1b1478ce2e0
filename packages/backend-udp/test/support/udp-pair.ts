import path from 'node:path';
import type { Family, Host, Lease, Prefix } from '@overlay/core';
import { FAMILIES, parseNetConf, parsePrefix } from '@overlay/core';
import type { Lab, LabHost, LabPod, PodNetwork, RunResult } from '@overlay/lab';
import { createLab } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import { BehaviorSubject, filter, firstValueFrom, map } from 'rxjs';
import type { UdpCounters, UdpNetwork, UdpNetworkStatus } from '@overlay/backend-udp';
import { udp } from '@overlay/backend-udp';

const SETTLE_MS = 15_000;
const NETWORKS = { ipv4: parsePrefix('10.244.0.0/16', 'ipv4'), ipv6: parsePrefix('fd44::/48', 'ipv6') } as const;

/** How a pair is made. */
export interface UdpPairOptions {
  /** Hosts of the lab; the first two carry the network, a third one is a stranger. 2 unless told. */
  readonly hosts?: number;
  readonly families?: readonly Family[];
  /** The hosts do not say how they receive, as flanneld does not. */
  readonly silent?: boolean;
  /** How both carry packets: `kernel` unless told. */
  readonly dataPath?: 'kernel' | 'user';
  /** Members of `Backend`. */
  readonly backend?: object;
}

/** A host with an open UDP network and a pod. */
export class UdpEnd {
  linux: Linux;
  network: UdpNetwork | undefined;
  readonly lease: Lease;

  constructor(
    readonly pair: UdpPair,
    readonly host: LabHost,
    number: number,
  ) {
    this.linux = this.#openLinux();
    const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
    const attributes: Record<string, unknown> = { backendType: '' };
    for (const family of pair.families) {
      subnets[family] = parsePrefix(family === 'ipv4' ? `10.244.${number}.0/24` : `fd44:0:0:${number}::/64`);
      attributes[family] = {
        publicIP: host.addresses[family],
        ...(pair.silent ? {} : { data: { DataPath: pair.dataPath } }),
      };
    }
    this.lease = { key: host.name, subnets, attributes: attributes as never };
  }

  get pod(): LabPod {
    return this.host.pods[0];
  }

  get status(): UdpNetworkStatus {
    if (!this.network) throw new Error('the network is not open');
    return this.network.status();
  }

  get counters(): UdpCounters {
    return this.status.dataPath.counters;
  }

  /** Opens the network and applies these peers; waits until all is in the kernel. */
  async open(peers: readonly Lease[], options: object = {}): Promise<void> {
    const { families, backend, dataPath } = this.pair;
    const host$ = new BehaviorSubject(await this.#host());
    const text = JSON.stringify({
      Network: NETWORKS.ipv4,
      ...(families.includes('ipv6') ? { EnableIPv6: true, IPv6Network: NETWORKS.ipv6 } : {}),
      ...(families.includes('ipv4') ? {} : { EnableIPv4: false }),
      Backend: { Type: 'udp', DataPath: dataPath, ...backend, ...options },
    });
    const made = udp({ linux: this.linux }).create({ netConf: parseNetConf(text), hostId: this.host.name });
    const signal = AbortSignal.timeout(SETTLE_MS);
    const network = await made.open({ host$, lease$: new BehaviorSubject(this.lease), signal });
    this.network = network as UdpNetwork;
    this.network.apply({ type: 'snapshot', leases: peers });
    await this.network.settled({ signal });
    const { failed, pending, problems } = this.network.status();
    if (failed + pending > 0) throw new Error(`not all is in place: ${JSON.stringify(problems)}`);
  }

  async close(options: { readonly remove?: boolean } = {}): Promise<void> {
    await this.network?.close(options);
    this.network = undefined;
    await this.linux.close();
  }

  /** As another process would find it. */
  async reopen(peers: readonly Lease[], options: object = {}): Promise<void> {
    this.linux = this.#openLinux();
    await this.open(peers, options);
  }

  exec(line: string, options: { readonly check?: boolean } = {}): Promise<RunResult> {
    return this.host.exec(line.split(' '), options);
  }

  #openLinux(): Linux {
    return openLinux({ netns: `/run/netns/${this.host.netns}` });
  }

  async #host(): Promise<Host> {
    const states$ = this.linux.host$({ families: [...this.pair.families] });
    return firstValueFrom(
      states$.pipe(
        map(({ host }) => host),
        filter((host) => host !== undefined),
      ),
    );
  }
}

/** Two hosts that carry a UDP network, with a pod on each. */
export class UdpPair implements AsyncDisposable {
  readonly ends: readonly [UdpEnd, UdpEnd];

  private constructor(
    readonly lab: Lab,
    readonly families: readonly Family[],
    readonly backend: object,
    readonly silent: boolean,
    readonly dataPath: 'kernel' | 'user',
  ) {
    const [first, second] = lab.hosts;
    this.ends = [new UdpEnd(this, first, 1), new UdpEnd(this, second, 2)];
  }

  static async create(options: UdpPairOptions = {}): Promise<UdpPair> {
    const { hosts = 2, families = ['ipv4'], backend = {}, silent = false, dataPath = 'kernel' } = options;
    const lab = await createLab({ hosts, families: [...families] });
    const pair = new UdpPair(lab, families, backend, silent, dataPath);
    try {
      const [near, far] = pair.ends;
      await near.open([far.lease]);
      await far.open([near.lease]);
      for (const end of pair.ends) await end.host.addPods(1, { network: await podNetwork(end) });
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A host that is no peer of the others. */
  get stranger(): LabHost {
    return this.lab.hosts[2];
  }

  /** Whether the pods reach each other: what comes back of these echo requests. */
  async ping(count = 3, ...more: readonly string[]): Promise<number> {
    const [near, far] = this.ends;
    const argv = ['ping', '-n', '-c', String(count), '-i', '0.01', '-W', '1', ...more, far.pod.addresses.ipv4 ?? ''];
    const { stdout } = await near.pod.exec(argv, { check: false });
    return Number(/, (\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.ends) await end.close();
    await this.lab.close();
  }
}

async function podNetwork({ lease, network, pair }: UdpEnd): Promise<PodNetwork> {
  if (!network) throw new Error('the network is not open');
  const { mtu } = await firstValueFrom(network.state$);
  const networks = Object.fromEntries(FAMILIES.filter((f) => pair.families.includes(f)).map((f) => [f, [NETWORKS[f]]]));
  return { subnets: lease.subnets, networks, mtu };
}

/** A program of this folder, run by Node. */
export function program(name: string, ...args: readonly (string | number)[]): readonly string[] {
  return [process.execPath, path.join(import.meta.dirname, `${name}.js`), ...args.map(String)];
}

/** Waits for a condition, which may take its time on a busy machine. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
