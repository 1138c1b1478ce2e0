import type { Address, Family, JsonValue, LeaseAttributes, PerFamily } from '@overlay/core';
import { FAMILIES, tryParseAddress } from '@overlay/core';
import { SUFFIXES } from './annotation-names.js';

/** What annotations are to be, by suffix; null: none. */
export type WantedAnnotations = ReadonlyMap<string, string | null>;

/** The suffixes of all annotations that are written here. */
export const WRITTEN: readonly string[] = [
  ...[SUFFIXES.managed, SUFFIXES.backendType, SUFFIXES.data.ipv4, SUFFIXES.publicIP.ipv4],
  ...[SUFFIXES.data.ipv6, SUFFIXES.publicIP.ipv6, SUFFIXES.endpoints],
];

/**
 * The annotations by which a Node tells what its host publishes, as flannel writes them: those of IPv4 always, but for a
 * VXLAN without it; those of IPv6 when there is something to tell.
 */
export function formatAnnotations(attributes: LeaseAttributes): WantedAnnotations {
  const { ipv4, ipv6, backendType, endpoints } = attributes;
  const withoutIPv4 = backendType === 'vxlan' && ipv4 === undefined;
  return new Map([
    [SUFFIXES.managed, 'true'],
    [SUFFIXES.backendType, backendType],
    [SUFFIXES.data.ipv4, withoutIPv4 ? null : formatData(ipv4?.data)],
    [SUFFIXES.publicIP.ipv4, withoutIPv4 ? null : (ipv4?.publicIP ?? '0.0.0.0')],
    [SUFFIXES.data.ipv6, ipv6 === undefined ? null : formatData(ipv6.data)],
    [SUFFIXES.publicIP.ipv6, ipv6?.publicIP ?? null],
    [SUFFIXES.endpoints, endpoints === undefined ? null : JSON.stringify(endpoints)],
  ]);
}

/** What a host publishes once the addresses are in that a person has set for its Node. */
export function overwriteAddresses(attributes: LeaseAttributes, addresses: PerFamily<Address>): LeaseAttributes {
  if (FAMILIES.every((family) => addresses[family] === undefined)) return attributes;
  const { endpoints } = attributes;
  const replaced = replaceAddresses(attributes, addresses);
  if (endpoints === undefined) return replaced;
  return { ...replaced, endpoints: endpoints.map((endpoint) => replaceAddresses(endpoint, addresses)) };
}

function replaceAddresses<T extends PerFamily<{ readonly publicIP: Address }>>(of: T, by: PerFamily<Address>): T {
  let result = of;
  for (const family of FAMILIES) {
    const [present, address] = [of[family], by[family]];
    if (present !== undefined && address !== undefined) {
      result = { ...result, [family]: { ...present, publicIP: address } };
    }
  }
  return result;
}

/** Addresses that a person has set by annotations. */
export interface SetAddresses {
  readonly addresses: PerFamily<Address>;
  /** What is set and is none, one line each. */
  readonly problems: readonly string[];
}

/** Reads one of the annotations that carry an address in each family. Empty ones count as absent. */
export function readAddresses(
  annotations: ReadonlyMap<string, string>,
  suffixes: Readonly<Record<Family, string>>,
): SetAddresses {
  const addresses: { ipv4?: Address; ipv6?: Address } = {};
  const problems: string[] = [];
  for (const family of FAMILIES) {
    const text = annotations.get(suffixes[family]);
    if (text === undefined || text === '') continue;
    const address = tryParseAddress(text, family);
    if (address !== undefined) addresses[family] = address;
    else
      problems.push(`its annotation ${suffixes[family]} is no ${NAMES[family]} address, but ${JSON.stringify(text)}`);
  }
  return { addresses, problems };
}

export const NAMES: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

/** Compact, and with a MAC at the end: flanneld finds its own again by splitting the text. */
function formatData(data: JsonValue | undefined): string {
  if (data === undefined) return 'null';
  if (!isObject(data) || !('VtepMAC' in data)) return JSON.stringify(data);
  const { VtepMAC, ...others } = data;
  return JSON.stringify({ ...others, VtepMAC });
}

function isObject(value: JsonValue): value is { readonly [member: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
