import type { Prefix } from '../address/index.js';
import { networkAddress, prefixLength, tryParsePrefix } from '../address/index.js';
import type { PerFamily } from '../lease.js';

/** What flannel writes in place of the IPv4 subnet of a host that has none. */
const NO_IPV4 = '0.0.0.0-0';
const KEY = /^([0-9.]{7,15})-([0-9]{1,2})(?:&([0-9a-f:]{2,39})-([0-9]{1,3}))?$/;

/**
 * The name under which flannel keeps a lease (the last part of its etcd key).
 *
 * `10.5.34.0-24`, for both families `10.5.34.0-24&fc00:0:0:22::-64`, for IPv6 alone `0.0.0.0-0&fc00:0:0:22::-64`.
 */
export function formatLeaseKey(subnets: PerFamily<Prefix>): string {
  const { ipv4, ipv6 } = subnets;
  const first = ipv4 === undefined ? NO_IPV4 : part(ipv4);
  return ipv6 === undefined ? first : `${first}&${part(ipv6)}`;
}

/**
 * The subnets that a lease's name stands for, or undefined when it is none. Only the canonical spelling is one, so that
 * two names never mean the same subnets. Single addresses (/32, /128) are none: flannel's pattern has no room for them.
 */
export function parseLeaseKey(key: string): PerFamily<Prefix> | undefined {
  const match = KEY.exec(key);
  if (match === null) return undefined;
  const [, address4, length4, address6, length6] = match;
  const without4 = `${address4}-${length4}` === NO_IPV4;
  const ipv4 = without4 || length4 === '32' ? undefined : tryParsePrefix(`${address4}/${length4}`, 'ipv4');
  const ipv6 =
    address6 === undefined || length6 === '128' ? undefined : tryParsePrefix(`${address6}/${length6}`, 'ipv6');
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  const subnets = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return formatLeaseKey(subnets) === key ? subnets : undefined;
}

function part(prefix: Prefix): string {
  return `${networkAddress(prefix)}-${prefixLength(prefix)}`;
}
