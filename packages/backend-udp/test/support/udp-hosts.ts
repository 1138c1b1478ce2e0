import type { Host, Lease, LeaseUpdate, PerFamily, Prefix } from '@overlay/core';
import { parseNetConf, parsePrefix } from '@overlay/core';
import type { Lab, LabHost, LabOptions } from '@overlay/lab';
import { createLab } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import { BehaviorSubject, filter, firstValueFrom, map } from 'rxjs';
import type { DataPathChoice, FilterMode } from '@overlay/backend-udp';
import { udp, UdpNetwork } from '@overlay/backend-udp';

const SETTLE_MS = 20_000;

/** What one host of a test takes. */
export interface UdpHostOptions {
  readonly path?: DataPathChoice;
  readonly filter?: FilterMode;
}

/** What a lab of UDP hosts looks like. */
export interface UdpHostsOptions extends Pick<LabOptions, 'families' | 'underlay'> {
  readonly hosts: readonly UdpHostOptions[];
}

/** A host on which a UDP network is open. */
export interface UdpHost {
  readonly host: LabHost;
  readonly linux: Linux;
  readonly lease: Lease;
  readonly network: UdpNetwork;
}

/** Hosts with UDP networks, all in this process, each in its own network namespace, with a pod each. */
export class UdpHosts implements AsyncDisposable {
  readonly hosts: UdpHost[] = [];

  private constructor(readonly lab: Lab) {}

  static async create({ hosts, ...options }: UdpHostsOptions): Promise<UdpHosts> {
    const lab = await createLab({ hosts: hosts.length, ...options });
    const made = new UdpHosts(lab);
    try {
      for (const [index, host] of hosts.entries()) made.hosts.push(await made.#open(index, host));
      const all = made.hosts.map(({ lease }) => lease);
      for (const each of made.hosts) {
        await made.tell(each, { type: 'snapshot', leases: all.filter((lease) => lease !== each.lease) });
      }
      for (const { host, lease, network } of made.hosts) {
        const { mtu } = await firstValueFrom(network.state$);
        const networks = { ipv4: [parsePrefix('10.244.0.0/16')], ipv6: [parsePrefix('fd00:10:244::/48')] };
        await host.addPods(1, { network: { subnets: lease.subnets, networks: pick(networks, lease.subnets), mtu } });
      }
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gives a host an update and waits until it is in place. */
  async tell({ network }: UdpHost, update: LeaseUpdate): Promise<void> {
    network.apply(update);
    await network.settled({ signal: AbortSignal.timeout(SETTLE_MS) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { network, linux } of this.hosts) {
      await network.close();
      await linux.close();
    }
    await this.lab.close();
  }

  async #open(index: number, { path = 'user', filter: mode = 'enforce' }: UdpHostOptions): Promise<UdpHost> {
    const host = this.lab.hosts[index];
    const families = this.lab.topology.families;
    const linux = openLinux({ netns: `/run/netns/${host.netns}` });
    const known$ = linux.host$({ families }).pipe(
      map((state) => state.host),
      filter((known) => known !== undefined),
    );
    const host$ = new BehaviorSubject<Host>(await firstValueFrom(known$));
    const hostId = host.name;
    const netConf = parseNetConf(
      JSON.stringify({
        ...(families.includes('ipv4') ? { Network: '10.244.0.0/16' } : { EnableIPv4: false }),
        ...(families.includes('ipv6') ? { EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' } : {}),
        Backend: { Type: 'udp', DataPath: path, Filter: mode },
      }),
    );
    const backend = udp({ linux }).create({ netConf, hostId });
    const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
    for (const each of families) {
      subnets[each] = parsePrefix(each === 'ipv4' ? `10.244.${index + 1}.0/24` : `fd00:10:244:${index + 1}::/64`);
    }
    const lease: Lease = { key: hostId, subnets, attributes: await firstValueFrom(backend.attributes$({ host$ })) };
    const signal = AbortSignal.timeout(SETTLE_MS);
    const network = await backend.open({ host$, lease$: new BehaviorSubject<Lease>(lease), signal });
    if (!(network instanceof UdpNetwork)) throw new TypeError('expected a UDP network');
    return { host, linux, lease, network };
  }
}

function pick(networks: PerFamily<readonly Prefix[]>, subnets: PerFamily<Prefix>): PerFamily<readonly Prefix[]> {
  return {
    ...(subnets.ipv4 === undefined ? {} : { ipv4: networks.ipv4 }),
    ...(subnets.ipv6 === undefined ? {} : { ipv6: networks.ipv6 }),
  };
}
