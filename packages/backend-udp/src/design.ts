import { addressBits, addressFamily, FAMILIES, networkAddress, prefixContains } from '@overlay/core';
import type { Address, BackendInit, Family, Host, Lease, PerFamily, Prefix } from '@overlay/core';
import type {
  AddressObject,
  DevicePlan,
  KernelObject,
  Linux,
  NetworkContext,
  NetworkDesign,
  OwnMark,
  PeerPlan,
} from '@overlay/linux';
import { DEVICE } from './data-path.js';
import type { OpenDataPath, UdpPeer } from './data-path.js';
import { dataPathOf } from './lease.js';
import type { UdpOptions } from './options.js';
import { endpointId } from './options.js';

/** Outer IP and UDP headers in bytes. */
const OVERHEAD: Readonly<Record<Family, number>> = { ipv4: 20 + 8, ipv6: 40 + 8 };

/** Bytes that are added to an inner IP packet that is sent over an underlay of this family. */
export function udpOverhead(underlay: Family): number {
  return OVERHEAD[underlay];
}

/** The underlay by which inner packets of a family go: the same, where both sides have it. */
export function underlayOf(inner: Family, have: (family: Family) => boolean): Family | undefined {
  return [inner, ...FAMILIES].find(have);
}

/** What a UDP network is made from. */
export interface UdpDesignInit extends Pick<BackendInit, 'netConf' | 'recordedNetworks'> {
  readonly linux: Linux;
  readonly options: UdpOptions;
  readonly path: OpenDataPath;
}

/**
 * A UDP network as data: the address of the device and the routes to the peers; the rest is told by the data path.
 */
export class UdpDesign implements NetworkDesign {
  readonly name: string;
  readonly #families: readonly Family[];

  constructor(private readonly init: UdpDesignInit) {
    this.name = endpointId(init.options);
    this.#families = FAMILIES.filter((family) => init.netConf[family] !== undefined);
  }

  device({ host, lease }: NetworkContext): DevicePlan {
    const { linux, netConf, path } = this.init;
    const addresses: { -readonly [F in Family]?: Address } = {};
    for (const family of FAMILIES) {
      const address = host[family]?.address;
      if (address !== undefined) addresses[family] = address;
    }
    const mtu = this.#mtu(host);
    const objects: KernelObject[] = [
      ...linux.hostSettings(netConf),
      ...path.device({ name: DEVICE, mtu, alias: linux.alias, host, addresses, lease }),
      { kind: 'device-settings', link: DEVICE } as KernelObject,
    ];
    for (const family of this.#families) {
      const subnet = lease.subnets[family];
      if (subnet) objects.push(this.#address(subnet));
    }
    return { objects, mtu };
  }

  peer(lease: Lease, { host, lease: own }: NetworkContext): PeerPlan {
    const { linux, path, options } = this.init;
    const { backendType } = lease.attributes;
    if (backendType !== '' && backendType !== 'udp') {
      return { objects: [], problem: `it publishes the backend type ${backendType}, and this network is udp` };
    }
    const subnets: { -readonly [F in Family]?: Prefix } = {};
    const endpoints: { -readonly [F in Family]?: Address } = {};
    const problems: string[] = [];
    const routes: KernelObject[] = [];
    for (const family of this.#families) {
      const subnet = lease.subnets[family];
      const ownSubnet = own.subnets[family];
      if (!subnet || !ownSubnet) continue;
      const found = endpointOf(family, lease, host);
      if (typeof found !== 'object') {
        problems.push(found);
        continue;
      }
      subnets[family] = subnet;
      endpoints[family] = found.address;
      routes.push(
        linux.route({ destination: subnet, link: DEVICE, onlink: false, prefSrc: networkAddress(ownSubnet) }),
      );
    }
    const dataPath = dataPathOf(lease);
    const peer: UdpPeer = {
      key: lease.key,
      subnets,
      endpoints,
      port: options.port,
      senders: sendersOf(lease),
      ...(dataPath && { dataPath }),
    };
    const objects = [...(routes.length > 0 ? path.peer(peer) : []), ...routes];
    return problems.length === 0 ? { objects } : { objects, problem: problems.join('; ') };
  }

  marks(): readonly OwnMark[] {
    const { linux, netConf, recordedNetworks, path } = this.init;
    const inside = (address: Address): boolean => {
      const conf = netConf[addressFamily(address)];
      if (conf !== undefined && prefixContains(conf.network, address)) return true;
      return recordedNetworks?.some((network) => prefixContains(network, address)) ?? false;
    };
    return [
      ...linux.marks(this.init),
      ...path.marks(),
      {
        kind: 'address',
        claim: (actual) => {
          const { link, address } = actual as AddressObject;
          return link === DEVICE && inside(address);
        },
      },
    ];
  }

  #address(subnet: Prefix): AddressObject {
    const address = networkAddress(subnet);
    return { kind: 'address', link: DEVICE, address, prefixLength: addressBits(addressFamily(address)) };
  }

  /** A pod may speak to any peer by any family, so it gets what fits into the larger of the outer headers that may be. */
  #mtu(host: Host): number {
    const underlays = this.#families.map((family) => underlayOf(family, (each) => host[each] !== undefined) ?? family);
    return host.interface.mtu - Math.max(...underlays.map(udpOverhead));
  }
}

/** Where inner packets of a family go to reach a host, or why that is not known. */
function endpointOf(inner: Family, { attributes }: Lease, host: Host): { readonly address: Address } | string {
  const underlay = underlayOf(inner, (family) => host[family] !== undefined && attributes[family] !== undefined);
  const address = underlay && attributes[underlay]?.publicIP;
  if (address === undefined) return `it publishes no address of a family that this host has on ${host.interface.name}`;
  if (FAMILIES.some((family) => host[family]?.publicIP === address || host[family]?.address === address)) {
    return `it publishes ${address}, which is this host's own address`;
  }
  return { address };
}

function sendersOf({ attributes }: Lease): readonly Address[] {
  const published: PerFamily<{ readonly publicIP: Address }> = attributes;
  return FAMILIES.flatMap((family) => published[family]?.publicIP ?? []);
}
