import type { Family, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, networkAddress } from '@overlay/core';
import type { LabHost, LabPod } from '@overlay/lab';
import type { FlannelEndpoint, FlannelPeer } from './flannel-shapes.js';
import { addFlannelVxlanPeers, makeFlannelHostGw, makeFlannelVxlan } from './flannel-shapes.js';
import type { OverlayLab } from './overlay-lab.js';
import type { PingCount } from './steady-ping.js';
import { SteadyPing } from './steady-ping.js';

/** A host that has no lease any more, while flanneld did not run. */
const GONE: FlannelPeer = {
  ipv4: { gateway: '10.244.9.0', subnet: '10.244.9.0/24', publicIP: '192.0.2.9', mac: 'c6:d2:32:6f:8f:09' },
  ipv6: { gateway: 'fd00:244:0:9::', subnet: 'fd00:244:0:9::/64', publicIP: '2001:db8::9', mac: 'c6:d2:32:6f:86:09' },
};
const OF_GONE = /10\.244\.9\.|fd00:244:0:9:|c6:d2:32:6f:8.:09/;

/** The subnets that host number `n` has where nobody else says which. */
export function subnetsOf(n: number, families: readonly Family[]): PerFamily<Prefix> {
  const all = { ipv4: `10.244.${n}.0/24`, ipv6: `fd00:244:0:${n}::/64` };
  return Object.fromEntries(families.map((family) => [family, all[family] as Prefix]));
}

/** Host number `n` as flanneld knows it, with these subnets. */
export function flannelPeer(host: LabHost, n: number, subnets: PerFamily<Prefix>): FlannelPeer {
  const peer: { ipv4?: FlannelEndpoint; ipv6?: FlannelEndpoint } = {};
  for (const family of FAMILIES) {
    const subnet = subnets[family];
    if (subnet === undefined) continue;
    const mac = `c6:d2:32:6f:8${family === 'ipv4' ? 'f' : '6'}:0${n}`;
    peer[family] = { gateway: networkAddress(subnet), subnet, publicIP: String(host.addresses[family]), mac };
  }
  return peer;
}

/** A lease in flannel's form. */
export function flannelLease({ ipv4, ipv6 }: FlannelPeer, type: string): object {
  const data = (name: string, endpoint: FlannelEndpoint | undefined): object =>
    type === 'vxlan' && endpoint !== undefined ? { [name]: { VNI: 1, VtepMAC: endpoint.mac } } : {};
  return {
    PublicIP: ipv4?.publicIP,
    PublicIPv6: ipv6?.publicIP ?? null,
    BackendType: type,
    ...data('BackendData', ipv4),
    ...data('BackendV6Data', ipv6),
  };
}

/** How flannel calls it. */
export function flannelLeaseKey({ ipv4, ipv6 }: FlannelPeer): string {
  return [ipv4, ipv6].flatMap((endpoint) => endpoint?.subnet.replace('/', '-') ?? []).join('&');
}

/** A host as flanneld leaves it, with a pod. It knows these peers. */
export async function makeFlannelHost(
  host: LabHost,
  type: string,
  own: FlannelPeer,
  others: readonly FlannelPeer[],
): Promise<LabPod> {
  if (type === 'vxlan') await makeFlannelVxlan(host, own, others);
  else await makeFlannelHostGw(host, others);
  const subnets = Object.fromEntries(FAMILIES.flatMap((family) => (own[family] ? [[family, own[family].subnet]] : [])));
  const network = {
    subnets: subnets as PerFamily<Prefix>,
    networks: { ipv4: ['10.244.0.0/16' as Prefix], ipv6: ['fd00:244::/48' as Prefix] },
    mtu: type === 'vxlan' ? 1430 : 1500,
  };
  const [pod] = await host.addPods(1, { network });
  if (pod === undefined) throw new Error(`${host.name} has no pod`);
  return pod;
}

/**
 * What flanneld adds to a host that it has left with its device, and so what it does when it starts there again. For vxlan
 * it had another peer, which has gone since.
 */
export async function startFlanneldAgain(
  host: LabHost,
  type: string,
  families: readonly Family[],
  others: readonly FlannelPeer[],
): Promise<void> {
  if (type === 'vxlan') {
    await addFlannelVxlanPeers(host, [...others, Object.fromEntries(families.map((family) => [family, GONE[family]]))]);
  } else {
    await makeFlannelHostGw(host, others);
  }
}

/** The shape of a host's objects to compare with what flanneld makes. */
export async function shapes(overlay: OverlayLab, host: LabHost): Promise<readonly string[]> {
  const { stdout } = await host.exec(['ip', '-d', '-o', 'link', 'show', 'type', 'vxlan']);
  return [...(await overlay.everything(host)).filter((line) => !/ (33:33|01:00:5e):/.test(line)), stdout];
}

/** The same without what is there for the peer that has gone. */
export function withoutGone(all: readonly string[]): readonly string[] {
  return all.filter((line) => !OF_GONE.test(line));
}

/** Pings there and back. */
export class Pings implements AsyncDisposable {
  readonly #overlay: OverlayLab;
  readonly #all: SteadyPing[] = [];

  private constructor(overlay: OverlayLab) {
    this.#overlay = overlay;
  }

  /** Starts them in each family. `name` is that of their logs. */
  static async start(
    overlay: OverlayLab,
    families: readonly Family[],
    [one, other]: readonly [LabPod, LabPod],
    name = 'ping',
  ): Promise<Pings> {
    const pings = new Pings(overlay);
    try {
      for (const family of families) {
        await pings.#start(family, one, other, name);
        await pings.#start(family, other, one, name);
      }
      return pings;
    } catch (error) {
      await pings[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits until packets that are sent from now on have come back, of each. */
  async goOn(): Promise<void> {
    for (const ping of this.#all) await ping.goesOn();
  }

  async stop(): Promise<readonly PingCount[]> {
    return await Promise.all(this.#all.map((ping) => ping.stop()));
  }

  async #start(family: Family, from: LabPod, to: LabPod, name: string): Promise<void> {
    this.#all.push(await SteadyPing.start(from, to.addresses[family], this.#overlay.file(from, `${name}-${family}`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#all) await each[Symbol.asyncDispose]();
  }
}
