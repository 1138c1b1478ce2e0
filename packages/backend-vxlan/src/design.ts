import { FAMILIES, networkAddress, addressBits, prefixContains } from '@overlay/core';
import type { Address, BackendInit, Family, Host, Lease, Mac, Prefix } from '@overlay/core';
import type {
  Adjacency,
  DevicePlan,
  Linux,
  LinuxObject,
  NetworkContext,
  NetworkDesign,
  OwnMark,
  PeerPlan,
  RouteObject,
} from '@overlay/linux';
import { insideNetworks, PROTOCOL_BOOT } from '@overlay/linux';
import type { VxlanOptions } from './options.js';
import { endpointId } from './options.js';
import { deviceName, parseVtepData } from './vtep.js';

/** Outer IP header, UDP and VXLAN headers, inner Ethernet header, in bytes (RFC 7348). */
const OVERHEAD = { ipv4: 20 + 8 + 8 + 14, ipv6: 40 + 8 + 8 + 14 } as const;

/** Bytes that VXLAN adds to an inner IP packet that is sent over an underlay of this family. */
export function vxlanOverhead(underlay: Family): number {
  return OVERHEAD[underlay];
}

/** What a VXLAN network is made from. */
export interface VxlanDesignInit extends Pick<BackendInit, 'netConf' | 'recordedNetworks'> {
  readonly linux: Linux;
  readonly options: VxlanOptions;
  /** The MAC of the device, by the lease that publishes it. */
  readonly ownMac: (family: Family, lease: Lease) => Mac;
  /** With DirectRouting: which peers are on this link. */
  readonly adjacency?: Adjacency;
}

/** A VXLAN network as data: what this host and each peer need in the kernel (flannel-compatible shapes). */
export class VxlanDesign implements NetworkDesign {
  readonly name: string;
  readonly watch?: Adjacency;
  readonly #families: readonly Family[];
  /** The devices' names: one text each, which all peers' objects share. */
  readonly #devices: Readonly<Record<Family, string>>;

  constructor(private readonly init: VxlanDesignInit) {
    const { vni } = init.options;
    this.name = endpointId(init.options);
    this.#families = FAMILIES.filter((family) => init.netConf[family] !== undefined);
    this.#devices = { ipv4: deviceName('ipv4', vni), ipv6: deviceName('ipv6', vni) };
    if (init.adjacency) this.watch = init.adjacency;
  }

  device(context: NetworkContext): DevicePlan {
    const objects: LinuxObject[] = [...this.init.linux.hostSettings(this.init.netConf)];
    for (const family of this.#families) objects.push(...this.#ownObjects(family, context));
    return { objects, mtu: this.#mtu(context.host) };
  }

  peer(lease: Lease, context: NetworkContext): PeerPlan {
    if (lease.attributes.backendType !== 'vxlan') {
      const type = lease.attributes.backendType || 'none';
      return { objects: [], problem: `it publishes the backend type ${type}, and this network is vxlan` };
    }
    if (this.#families.length === 1) return this.#peerObjects(this.#families[0], lease, context);
    const plans = this.#families.map((each) => this.#peerObjects(each, lease, context));
    const objects = plans.flatMap((plan) => plan.objects);
    const problem = plans.flatMap((plan) => plan.problem ?? []).join('; ');
    return problem === '' ? { objects } : { objects, problem };
  }

  watched(lease: Lease): readonly Address[] {
    const addresses: Address[] = [];
    for (const family of this.#families) {
      const endpoint = lease.attributes[family];
      if (endpoint) addresses.push(endpoint.publicIP);
    }
    return addresses;
  }

  marks(): readonly OwnMark[] {
    const { linux, netConf, recordedNetworks } = this.init;
    const devices = this.#families.map((family) => this.#devices[family]);
    const inside = (address: Address): boolean =>
      insideNetworks(netConf, address) ||
      (recordedNetworks?.some((network) => prefixContains(network, address)) ?? false);
    return [
      ...linux.marks({ netConf, devices, ...(recordedNetworks && { recordedNetworks }) }),
      // Exactly what flanneld leaves for a peer: no other program makes routes of this shape on this device.
      {
        kind: 'route',
        claim: (actual) => {
          const route = actual as RouteObject;
          return (
            devices.includes(route.link) &&
            route.protocol === PROTOCOL_BOOT &&
            route.onlink &&
            route.gateway === networkAddress(route.destination) &&
            inside(route.gateway)
          );
        },
      },
    ];
  }

  /** The device of a family with its address and settings. */
  #ownObjects(family: Family, { host, lease }: NetworkContext): LinuxObject[] {
    const subnet = lease.subnets[family];
    const local = host[family]?.address;
    if (!subnet || !local) return [];
    const { options, linux } = this.init;
    const link = this.#devices[family];
    return [
      {
        kind: 'link',
        name: link,
        type: 'vxlan',
        alias: linux.alias,
        mtu: this.#outerMtu(host) - vxlanOverhead(family),
        mac: this.init.ownMac(family, lease),
        up: true,
        vxlan: {
          vni: options.vni,
          port: options.port,
          local,
          lower: host.interface.name,
          learning: options.learning,
          gbp: options.gbp,
        },
      },
      { kind: 'device-settings', link },
      {
        kind: 'address',
        link,
        address: networkAddress(subnet),
        prefixLength: addressBits(family),
      },
    ];
  }

  #peerObjects(family: Family, lease: Lease, { host, lease: own }: NetworkContext): PeerPlan {
    const subnet = lease.subnets[family];
    const endpoint = lease.attributes[family];
    if (!subnet || !own.subnets[family]) return { objects: [] };
    if (!endpoint) return { objects: [], problem: `it publishes no ${family} address` };
    const direct = this.#directRoute(family, subnet, endpoint.publicIP, host);
    if (direct) return { objects: [direct] };
    const { vni, mac } = parseVtepData(endpoint.data);
    if (!mac) return { objects: [], problem: `its ${family} backend data has no VtepMAC` };
    const { options, linux } = this.init;
    const link = this.#devices[family];
    const gateway = networkAddress(subnet);
    const objects: LinuxObject[] = [
      { kind: 'neighbour', link, address: gateway, mac },
      { kind: 'fdb', link, mac, dst: endpoint.publicIP },
      linux.route({ destination: subnet, link, gateway, onlink: true }),
    ];
    if (vni === undefined || vni === options.vni) return { objects };
    return { objects, problem: `it publishes VNI ${vni}, and this host has ${options.vni}: packets will not pass` };
  }

  #directRoute(family: Family, subnet: Prefix, publicIP: Address, host: Host): RouteObject | undefined {
    if (!this.init.adjacency?.verdict(publicIP, host)?.direct) return undefined;
    if (!host[family]) return undefined;
    return this.init.linux.route({ destination: subnet, link: host.interface.name, gateway: publicIP, onlink: false });
  }

  #outerMtu(host: Host): number {
    return Math.min(this.init.options.mtu ?? host.interface.mtu, host.interface.mtu);
  }

  /** A pod may speak both families, so it gets what the narrower one carries. */
  #mtu(host: Host): number {
    const outer = this.#outerMtu(host);
    return Math.min(...this.#families.map((family) => outer - vxlanOverhead(family)));
  }
}
