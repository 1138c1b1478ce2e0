import { addressFamily, FAMILIES, parseAddress, parsePrefix } from '@overlay/core';
import type { Address, Endpoint, JsonObject, Lease } from '@overlay/core';
import type { DataPath } from './data-path.js';

/** A host as a person would write it down. */
export interface UdpLeaseInit {
  /** The identity with which the host's agent runs. It becomes the lease's key. */
  readonly hostId: string;
  /** `10.244.1.0/24`; one of each family at most. */
  readonly subnets: readonly string[];
  /** The host's addresses on the underlay; one of each family at most. */
  readonly publicIPs: readonly string[];
  /** How it receives. Kernel paths send super-packets to each other; to others, what any socket takes. */
  readonly dataPath?: DataPath['name'];
}

/**
 * The lease of a UDP host whose configuration is written down instead of kept in a store.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function udpLease({ hostId, subnets, publicIPs, dataPath }: UdpLeaseInit): Lease {
  const prefixes = subnets.map((subnet) => parsePrefix(subnet));
  const addresses = publicIPs.map((address) => parseAddress(address));
  return {
    key: hostId,
    subnets: Object.fromEntries(prefixes.map((prefix) => [addressFamily(prefix), prefix])),
    attributes: {
      backendType: '',
      ...Object.fromEntries(addresses.map((address) => [addressFamily(address), endpointWith(address, dataPath)])),
    },
  };
}

/** What a host publishes of one of its addresses. Flanneld passes over the part that is not the address. */
export function endpointWith(publicIP: Address, dataPath: DataPath['name'] | undefined): Endpoint {
  return dataPath === undefined ? { publicIP } : { publicIP, data: { DataPath: dataPath } };
}

/** How a host says that it receives. */
export function dataPathOf({ attributes }: Lease): DataPath['name'] | undefined {
  for (const family of FAMILIES) {
    const data = attributes[family]?.data;
    const path = typeof data === 'object' && data !== null ? (data as JsonObject).DataPath : undefined;
    if (path === 'kernel' || path === 'user') return path;
  }
  return undefined;
}
