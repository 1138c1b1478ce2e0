import { addressFamily, parseAddress, parsePrefix } from '@overlay/core';
import type { Lease } from '@overlay/core';
import { chooseMac, vtepData } from './vtep.js';

/** A host as a person would write it down. */
export interface VxlanLeaseInit {
  /** The identity with which the host's agent runs. It becomes the lease's key. */
  readonly hostId: string;
  /** `10.244.1.0/24`. */
  readonly subnet: string;
  /** The host's address on the underlay, of the same family as the subnet. */
  readonly publicIP: string;
  /** 1 unless told. */
  readonly vni?: number;
}

/**
 * The lease of a VXLAN host whose configuration is written down instead of kept in a store. Its VTEP has the MAC that
 * follows from the host's identity, so that all hosts agree on it without having met.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function vxlanLease({ hostId, subnet, publicIP, vni = 1 }: VxlanLeaseInit): Lease {
  const prefix = parsePrefix(subnet);
  const family = addressFamily(prefix);
  const data = vtepData({ vni, mac: chooseMac(family, { hostId }) });
  return {
    key: hostId,
    subnets: { [family]: prefix },
    attributes: { backendType: 'vxlan', [family]: { publicIP: parseAddress(publicIP, family), data } },
  };
}
