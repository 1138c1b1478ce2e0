import { addressAt } from '@overlay/core';
import type { Family } from '@overlay/core';
import type { OverlayLab } from './overlay-lab.js';

/** The lease of a host that is not there, as a file of the store. */
export interface MadeUpLease {
  readonly name: string;
  readonly value: object;
}

/** How a made-up lease differs from the others. */
export interface MadeUpHost {
  /** 0 to 155: tells its subnets, `10.244.<100 + number>.0/24`. */
  readonly number: number;
  /** 40 to 250: tells its addresses on the underlay and its MAC. */
  readonly endpoint: number;
  /** Its identity; by its number unless told. */
  readonly id?: string;
}

/** Makes up a lease of both families in the form of the store, such that both backends can use it. */
export function madeUpLease({ lab }: OverlayLab, type: string, { number, endpoint, id }: MadeUpHost): MadeUpLease {
  const address = (family: Family): string | undefined => {
    const prefix = lab.topology.segments[0].prefixes[family];
    return prefix && addressAt(prefix, endpoint);
  };
  const data = { VNI: 1, VtepMAC: `02:00:00:00:00:${endpoint.toString(16).padStart(2, '0')}` };
  const carried = type === 'vxlan' ? { BackendData: data, BackendV6Data: data } : {};
  return {
    name: leaseName(100 + number),
    value: {
      PublicIP: address('ipv4'),
      PublicIPv6: address('ipv6') ?? null,
      BackendType: type,
      ...carried,
      HostID: id ?? `made-up-${number}`,
    },
  };
}

/** The name of the file of a lease: the third number of its IPv4 subnet, written likewise in that of IPv6. */
export function leaseName(third: number): string {
  return `10.244.${third}.0-24&fd00:244:0:${third}::-64`;
}
