import type { PerFamily, Prefix } from '@overlay/core';
import { prefixesOverlap } from '@overlay/core';

/** Whether two hosts with these subnets would have an address in common. */
export function subnetsOverlap(a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean {
  return (
    (a.ipv4 !== undefined && b.ipv4 !== undefined && prefixesOverlap(a.ipv4, b.ipv4)) ||
    (a.ipv6 !== undefined && b.ipv6 !== undefined && prefixesOverlap(a.ipv6, b.ipv6))
  );
}

/** Subnets as they are shown to a person: `10.5.34.0/24 and fc00:0:0:22::/64`. */
export function subnetsText(subnets: PerFamily<Prefix>): string {
  return [subnets.ipv4, subnets.ipv6].filter((subnet) => subnet !== undefined).join(' and ');
}
