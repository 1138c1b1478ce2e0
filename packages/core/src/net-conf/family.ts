import type { Address, Family, Prefix } from '../address/index.js';
import {
  compareAddresses,
  isIPv4Mapped,
  lastAddress,
  makePrefix,
  networkAddress,
  prefixContains,
  prefixLength,
  subnetAt,
} from '../address/index.js';
import { quoted } from '../quoted.js';
import { invalidKey } from './invalid.js';
import type { FamilyConf } from './net-conf.js';

/** The members of net-conf.json that belong to one address family. */
export interface FamilyKeys {
  readonly enable: string;
  readonly network: string;
  readonly subnetLen: string;
  readonly subnetMin: string;
  readonly subnetMax: string;
}

export const FAMILY_KEYS: Readonly<Record<Family, FamilyKeys>> = {
  ipv4: {
    enable: 'EnableIPv4',
    network: 'Network',
    subnetLen: 'SubnetLen',
    subnetMin: 'SubnetMin',
    subnetMax: 'SubnetMax',
  },
  ipv6: {
    enable: 'EnableIPv6',
    network: 'IPv6Network',
    subnetLen: 'IPv6SubnetLen',
    subnetMin: 'IPv6SubnetMin',
    subnetMax: 'IPv6SubnetMax',
  },
};

/** What a document says of a family. A zero (length, address, `0.0.0.0/0`) means the default, as for flannel. */
export interface FamilyValues {
  enabled: boolean;
  network?: Prefix;
  subnetLen: number;
  subnetMin?: Address;
  subnetMax?: Address;
}

const RULES = {
  ipv4: { name: 'an IPv4', example: '10.244.0.0/16', longest: 30, usual: 24, everything: '0.0.0.0/0', zero: '0.0.0.0' },
  ipv6: { name: 'an IPv6', example: 'fd00:42::/56', longest: 126, usual: 64, everything: '::/0', zero: '::' },
} as const;

/**
 * Fills in the defaults of an enabled family and checks that its values go together, as flanneld does in etcd mode
 * (`CheckNetworkConfig` in its pkg/subnet/config.go), and that SubnetMin is not above SubnetMax.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID`.
 */
export function completeFamily(family: Family, values: FamilyValues, source: string): FamilyConf {
  const keys = FAMILY_KEYS[family];
  const network = checkedNetwork(family, values, source);
  const subnetLen = checkedSubnetLen(family, values, network, source);
  const first = networkAddress(network);
  const zero = RULES[family].zero;

  // The first subnet is left out by default, because its network address is also the whole network's.
  const subnetMin =
    values.subnetMin === undefined || values.subnetMin === zero
      ? networkAddress(subnetAt(first, subnetLen, 1))
      : checkedBound(keys.subnetMin, values.subnetMin, network, subnetLen, keys.network, source);
  const subnetMax =
    values.subnetMax === undefined || values.subnetMax === zero
      ? networkAddress(makePrefix(lastAddress(network), subnetLen))
      : checkedBound(keys.subnetMax, values.subnetMax, network, subnetLen, keys.network, source);
  if (compareAddresses(subnetMin, subnetMax) > 0) {
    const expected = `an address not below ${keys.subnetMin} ${subnetMin}`;
    throw invalidKey(source, keys.subnetMax, expected, quoted(subnetMax));
  }
  return { network, subnetLen, subnetMin, subnetMax };
}

function checkedNetwork(family: Family, { network }: FamilyValues, source: string): Prefix {
  const { name, example, everything, longest } = RULES[family];
  const keys = FAMILY_KEYS[family];
  if (network === undefined || network === everything) {
    const why = family === 'ipv4' ? `, or "${keys.enable}": false` : ` because ${keys.enable} is true`;
    throw invalidKey(source, keys.network, `${name} prefix such as "${example}"${why}`, quoted(network));
  }
  if (prefixLength(network) > longest - 2) {
    const expected = `a prefix of at most ${longest - 2} bits, with room for four subnets of /${longest}`;
    throw invalidKey(source, keys.network, expected, quoted(network));
  }
  // Flannel's key of such a subnet would hold dots, which flanneld cannot read, and it would drop all its peers.
  if (isIPv4Mapped(networkAddress(network))) {
    throw invalidKey(source, keys.network, 'a prefix that is not IPv4-mapped', quoted(network));
  }
  return network;
}

function checkedSubnetLen(family: Family, { subnetLen }: FamilyValues, network: Prefix, source: string): number {
  const { longest, usual } = RULES[family];
  const keys = FAMILY_KEYS[family];
  const shortest = prefixLength(network) + 2;
  if (subnetLen === 0) return Math.max(usual, shortest);
  if (subnetLen < shortest || subnetLen > longest) {
    const range = shortest === longest ? `the integer ${longest}` : `an integer from ${shortest} to ${longest}`;
    throw invalidKey(source, keys.subnetLen, `${range} for ${keys.network} ${network}`, String(subnetLen));
  }
  return subnetLen;
}

function checkedBound(
  key: string,
  bound: Address,
  network: Prefix,
  subnetLen: number,
  networkKey: string,
  source: string,
): Address {
  if (!prefixContains(network, bound)) {
    throw invalidKey(source, key, `an address inside ${networkKey} ${network}`, quoted(bound));
  }
  const start = networkAddress(makePrefix(bound, subnetLen));
  if (start !== bound) {
    throw invalidKey(source, key, `the first address of a /${subnetLen}, such as ${start}`, quoted(bound));
  }
  return bound;
}
