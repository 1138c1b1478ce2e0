import type { PerFamily, Prefix } from '@overlay/core';
import { networkAddress, prefixesOverlap, prefixLength, tryParsePrefix } from '@overlay/core';

/** What flannel writes in place of the IPv4 subnet of a host that has none. */
const NO_IPV4 = '0.0.0.0-0';
const NAME = /^([0-9.]{7,15})-([0-9]{1,2})(?:&([0-9a-f:]{2,39})-([0-9]{1,3}))?$/;

/**
 * The name of the file that holds a lease: flannel's etcd key for its subnets.
 *
 * `10.5.34.0-24`, for both families `10.5.34.0-24&fc00:0:0:22::-64`, for IPv6 alone `0.0.0.0-0&fc00:0:0:22::-64`.
 */
export function leaseName(subnets: PerFamily<Prefix>): string {
  const { ipv4, ipv6 } = subnets;
  const first = ipv4 === undefined ? NO_IPV4 : part(ipv4);
  return ipv6 === undefined ? first : `${first}&${part(ipv6)}`;
}

/**
 * The subnets that a file's name stands for, or undefined when it is no lease's name. Only the one canonical spelling
 * is a name, so that two names never mean the same subnets. Single addresses (/32, /128) are none, as in flannel.
 */
export function parseLeaseName(name: string): PerFamily<Prefix> | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, address4, length4, address6, length6] = match;
  const without4 = `${address4}-${length4}` === NO_IPV4;
  const ipv4 = without4 || length4 === '32' ? undefined : tryParsePrefix(`${address4}/${length4}`, 'ipv4');
  const ipv6 =
    address6 === undefined || length6 === '128' ? undefined : tryParsePrefix(`${address6}/${length6}`, 'ipv6');
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  const subnets = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return leaseName(subnets) === name ? subnets : undefined;
}

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

function part(prefix: Prefix): string {
  return `${networkAddress(prefix)}-${prefixLength(prefix)}`;
}
