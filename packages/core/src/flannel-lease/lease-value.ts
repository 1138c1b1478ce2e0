import type { Family } from '../address/index.js';
import { tryParseAddress } from '../address/index.js';
import type { JsonObject, JsonValue } from '../json.js';
import type { Endpoint, LeaseAttributes } from '../lease.js';

/** What flannel's value of a lease says, or in one phrase why it is none. */
export type LeaseValueReading =
  | {
      readonly attributes: LeaseAttributes;
      /** Members that are not flannel's, by their names in lower case. */
      readonly others: ReadonlyMap<string, JsonValue>;
    }
  | { readonly problem: string };

/**
 * Flannel's value of a lease: compact, members in flannel's order, `PublicIP` and `PublicIPv6` always there, the others
 * only when they have something. As Go does, characters that HTML would take for its own are written as escapes.
 *
 * @param others members of our own, written after flannel's; Go's decoder passes over them
 */
export function formatLeaseValue(attributes: LeaseAttributes, others?: JsonObject): string {
  const { ipv4, ipv6, backendType, endpoints } = attributes;
  const text = JSON.stringify({
    PublicIP: ipv4?.publicIP ?? '0.0.0.0',
    PublicIPv6: ipv6?.publicIP ?? null,
    BackendType: backendType === '' ? undefined : backendType,
    BackendData: ipv4?.data,
    BackendV6Data: ipv6?.data,
    // Ours, and stored as it is: all ways to reach a host that has several.
    Endpoints: endpoints,
    ...others,
  });
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Reads flannel's value of a lease: members in any case, as Go takes them. An unset address (`0.0.0.0`, `::`, null for
 * IPv6) means no endpoint in that family.
 */
export function parseLeaseValue(text: string): LeaseValueReading {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: text.trim() === '' ? 'it is empty' : 'it is not JSON' };
  }
  return readLeaseValue(json);
}

/** As {@link parseLeaseValue}, of JSON that is parsed already. */
export function readLeaseValue(json: unknown): LeaseValueReading {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { problem: 'it is no JSON object' };
  const members = new Map<string, JsonValue>();
  for (const [name, value] of Object.entries(json)) members.set(name.toLowerCase(), value as JsonValue);
  const backendType = members.get('backendtype') ?? '';
  if (typeof backendType !== 'string') return { problem: 'BackendType is no string' };
  const ipv4 = endpoint(members, 'ipv4');
  if (typeof ipv4 === 'string') return { problem: ipv4 };
  const ipv6 = endpoint(members, 'ipv6');
  if (typeof ipv6 === 'string') return { problem: ipv6 };
  for (const name of FLANNELS) members.delete(name);
  // Judged by the lease table, as every lease is: what is wrong here must not cost the lease.
  const endpoints = (members.get('endpoints') ?? undefined) as LeaseAttributes['endpoints'];
  members.delete('endpoints');
  const families = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return { attributes: { backendType, ...families, ...(endpoints !== undefined && { endpoints }) }, others: members };
}

const MEMBERS = {
  ipv4: { publicIP: 'PublicIP', data: 'BackendData', unset: '0.0.0.0' },
  ipv6: { publicIP: 'PublicIPv6', data: 'BackendV6Data', unset: '::' },
} as const;

const FLANNELS = ['publicip', 'publicipv6', 'backendtype', 'backenddata', 'backendv6data'];

/** The endpoint of one family, nothing when there is none, or what is wrong with it. */
function endpoint(members: ReadonlyMap<string, JsonValue>, family: Family): Endpoint | string | undefined {
  const { publicIP, data, unset } = MEMBERS[family];
  let value = members.get(publicIP.toLowerCase());
  if (value === undefined || (value === null && family === 'ipv6')) value = unset;
  const address = typeof value === 'string' ? tryParseAddress(value, family) : undefined;
  if (address === undefined) return `${publicIP} is no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`;
  if (address === unset) return undefined;
  const given = members.get(data.toLowerCase());
  return given === undefined ? { publicIP: address } : { publicIP: address, data: given };
}
