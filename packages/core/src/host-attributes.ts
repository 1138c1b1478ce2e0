import type { Family } from './address/index.js';
import type { Host } from './host.js';
import type { JsonValue } from './json.js';
import type { Endpoint, LeaseAttributes } from './lease.js';
import { FAMILIES } from './lease.js';
import type { NetConf } from './net-conf/index.js';

/** What {@link hostAttributes} works from. */
export interface HostAttributesInit {
  readonly backendType: string;
  readonly netConf: NetConf;
  readonly host: Host;
  /** What peers need besides the address, {@link Endpoint.data}. Nothing unless told. */
  readonly data?: (family: Family) => JsonValue;
}

/**
 * What most backends publish: the host's public address in each family that the network has, as far as the host has one
 * there.
 */
export function hostAttributes({ backendType, netConf, host, data }: HostAttributesInit): LeaseAttributes {
  const endpoints: { ipv4?: Endpoint; ipv6?: Endpoint } = {};
  for (const family of FAMILIES) {
    const own = host[family];
    if (!netConf[family] || !own) continue;
    endpoints[family] = { publicIP: own.publicIP, ...(data && { data: data(family) }) };
  }
  return { backendType, ...endpoints };
}
