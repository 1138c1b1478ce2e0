import path from 'node:path';
import type { Family, Host, Lease, Prefix } from '@overlay/core';
import { FAMILIES, parseNetConf, parsePrefix } from '@overlay/core';
import { until } from '@overlay/core/testing';
import type { Lab, LabHost, LabOptions, LabPod, PodNetwork, RunResult } from '@overlay/lab';
import { createLab } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import { BehaviorSubject, filter, firstValueFrom, map } from 'rxjs';
import type { UdpCounters, UdpNetwork, UdpNetworkStatus } from '@overlay/backend-udp';
import { udp } from '@overlay/backend-udp';

/** Also for 50,000 peers on a busy machine. */
const SETTLE_MS = 60_000;
const REACHED_MS = 20_000;
const NETWORKS = { ipv4: parsePrefix('10.244.0.0/16', 'ipv4'), ipv6: parsePrefix('fd44::/48', 'ipv6') } as const;

/** How hosts are made. */
export interface UdpHostsOptions extends Pick<LabOptions, 'underlay'> {
  /** How they carry packets: one for each host, or one for two. `kernel` for two unless told. */
  readonly dataPath?: PathName | readonly [PathName, PathName, ...PathName[]];
  /** With one more host, which carries no network and is no peer. */
  readonly stranger?: boolean;
  /** Of the pods, and of the underlay unless told. */
  readonly families?: readonly Family[];
  readonly underlayFamilies?: readonly Family[];
  /** The hosts do not say how they receive, as flanneld does not. */
  readonly silent?: boolean;
  /** Members of `Backend`. */
  readonly backend?: object;
}

type PathName = 'kernel' | 'user';
type UdpEnds = readonly [UdpEnd, UdpEnd, ...UdpEnd[]];

/** A host with an open UDP network and a pod. */
export class UdpEnd {
  linux: Linux;
  network: UdpNetwork | undefined;
  readonly lease: Lease;

  constructor(
    readonly hosts: UdpHosts,
    readonly host: LabHost,
    readonly dataPath: PathName,
    number: number,
  ) {
    this.linux = this.#openLinux();
    const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
    const attributes: Record<string, unknown> = { backendType: '' };
    for (const family of hosts.families) {
      subnets[family] = parsePrefix(family === 'ipv4' ? `10.244.${number}.0/24` : `fd44:0:0:${number}::/64`);
    }
    for (const family of hosts.underlayFamilies) {
      attributes[family] = {
        publicIP: host.addresses[family],
        ...(hosts.silent ? {} : { data: { DataPath: dataPath } }),
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
    const { families, backend } = this.hosts;
    const host$ = new BehaviorSubject(await this.#host());
    const text = JSON.stringify({
      Network: NETWORKS.ipv4,
      ...(families.includes('ipv6') ? { EnableIPv6: true, IPv6Network: NETWORKS.ipv6 } : {}),
      ...(families.includes('ipv4') ? {} : { EnableIPv4: false }),
      Backend: { Type: 'udp', DataPath: this.dataPath, ...backend, ...options },
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
    const states$ = this.linux.host$({ families: [...this.hosts.underlayFamilies] });
    return firstValueFrom(
      states$.pipe(
        map(({ host }) => host),
        filter((host) => host !== undefined),
      ),
    );
  }
}

/** Hosts that carry a UDP network, all in this process, each in its own network namespace with a pod. */
export class UdpHosts implements AsyncDisposable {
  readonly ends: UdpEnds;

  private constructor(
    readonly lab: Lab,
    readonly families: readonly Family[],
    readonly underlayFamilies: readonly Family[],
    readonly backend: object,
    readonly silent: boolean,
    paths: readonly PathName[],
  ) {
    this.ends = paths.map((path, index) => new UdpEnd(this, lab.hosts[index], path, index + 1)) as unknown as UdpEnds;
  }

  static async create(options: UdpHostsOptions = {}): Promise<UdpHosts> {
    const { dataPath = 'kernel', stranger = false, families = ['ipv4'], backend = {}, silent = false } = options;
    const { underlay = 'flat', underlayFamilies = families } = options;
    const paths = typeof dataPath === 'string' ? [dataPath, dataPath] : dataPath;
    const hosts = paths.length + (stranger ? 1 : 0);
    const lab = await createLab({ hosts, families: [...underlayFamilies], underlay });
    const made = new UdpHosts(lab, families, underlayFamilies, backend, silent, paths);
    try {
      for (const end of made.ends) await end.open(made.peersOf(end));
      for (const end of made.ends) await end.host.addPods(1, { network: await podNetwork(end) });
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The leases of all hosts but one. */
  peersOf(end: UdpEnd): readonly Lease[] {
    return this.ends.filter((each) => each !== end).map(({ lease }) => lease);
  }

  /** A host that is no peer of the others. */
  get stranger(): LabHost {
    return this.lab.hosts[this.ends.length];
  }

  /** Waits until the first two hosts' pods reach each other, by what `ping` is given. */
  async reached(...more: readonly string[]): Promise<void> {
    const what = `the pods reach each other: ping ${more.join(' ')}`;
    await until(what, async () => (await this.ping(3, ...more)) === 3, REACHED_MS);
  }

  /** How many of these echo requests between the first two hosts' pods come back; late is lost on a busy machine. */
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

async function podNetwork({ lease, network, hosts }: UdpEnd): Promise<PodNetwork> {
  if (!network) throw new Error('the network is not open');
  const { mtu } = await firstValueFrom(network.state$);
  const networks = Object.fromEntries(
    FAMILIES.filter((f) => hosts.families.includes(f)).map((f) => [f, [NETWORKS[f]]]),
  );
  return { subnets: lease.subnets, networks, mtu };
}

/** A program of this folder, run by Node. */
export function program(name: string, ...args: readonly (string | number)[]): readonly string[] {
  return [process.execPath, path.join(import.meta.dirname, `${name}.js`), ...args.map(String)];
}
