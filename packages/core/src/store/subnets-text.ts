import type { Prefix } from '../address/index.js';
import { prefixesOverlap } from '../address/index.js';
import type { Lease, PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';

/** Whether two hosts with these subnets would have an address in common. */
export function subnetsOverlap(a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean {
  return FAMILIES.some((family) => {
    const [one, other] = [a[family], b[family]];
    return one !== undefined && other !== undefined && prefixesOverlap(one, other);
  });
}

/** Whether they are the same, family by family. */
export function sameSubnets(a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean {
  return FAMILIES.every((family) => a[family] === b[family]);
}

/** Subnets as they are shown to a person: `10.5.34.0/24 and fc00:0:0:22::/64`. */
export function subnetsText(subnets: PerFamily<Prefix>): string {
  return [subnets.ipv4, subnets.ipv6].filter((subnet) => subnet !== undefined).join(' and ');
}

/** Where a lease's holder is reached, as it is shown to a person. */
export function addressText({ attributes }: Pick<Lease, 'attributes'>): string {
  return attributes.ipv4?.publicIP ?? attributes.ipv6?.publicIP ?? 'no address';
}
