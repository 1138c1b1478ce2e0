import { addressFamily, parseAddress, parsePrefix } from '@overlay/core';
import type { Lease } from '@overlay/core';

/** A host as a person would write it down. */
export interface UdpLeaseInit {
  /** The identity with which the host's agent runs. It becomes the lease's key. */
  readonly hostId: string;
  /** `10.244.1.0/24`; one of each family at most. */
  readonly subnets: readonly string[];
  /** The host's addresses on the underlay; one of each family at most. */
  readonly publicIPs: readonly string[];
}

/**
 * The lease of a UDP host whose configuration is written down instead of kept in a store.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function udpLease({ hostId, subnets, publicIPs }: UdpLeaseInit): Lease {
  const prefixes = subnets.map((subnet) => parsePrefix(subnet));
  const addresses = publicIPs.map((address) => parseAddress(address));
  return {
    key: hostId,
    subnets: Object.fromEntries(prefixes.map((prefix) => [addressFamily(prefix), prefix])),
    attributes: {
      backendType: '',
      ...Object.fromEntries(addresses.map((address) => [addressFamily(address), { publicIP: address }])),
    },
  };
}
