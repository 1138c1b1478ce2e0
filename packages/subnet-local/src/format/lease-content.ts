import type { Endpoint, Family, JsonValue, LeaseAttributes } from '@overlay/core';
import { tryParseAddress } from '@overlay/core';

/** What a lease's file says. The subnets are in its name. */
export interface LeaseContent {
  readonly attributes: LeaseAttributes;
  /** The host that holds it. Absent in a file that a person wrote as a reservation for a public IP. */
  readonly hostId?: string;
  /** Milliseconds since the Unix epoch; absent for a reservation. */
  readonly expiresAt?: number;
}

const LONGEST_HOST_ID = 256;

/** Whether a text can stand for a host: 1 to 256 characters, none of them a control character. */
export function isHostId(value: unknown): value is string {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_HOST_ID && !/[\0-\x1f\x7f]/.test(value);
}

/**
 * The text of a lease's file: flannel's value (compact, members in flannel's order, `PublicIP` and `PublicIPv6` always
 * there, the others only when they have something), then our own `HostID` and `Expires`, which Go's decoder ignores.
 */
export function encodeLease(content: LeaseContent): string {
  const { attributes, hostId, expiresAt } = content;
  const { ipv4, ipv6, backendType } = attributes;
  return JSON.stringify({
    PublicIP: ipv4?.publicIP ?? '0.0.0.0',
    PublicIPv6: ipv6?.publicIP ?? null,
    BackendType: backendType === '' ? undefined : backendType,
    BackendData: ipv4?.data,
    BackendV6Data: ipv6?.data,
    HostID: hostId,
    Expires: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString(),
  });
}

/**
 * Reads the text of a lease's file, members in any case as Go does, unknown ones ignored. An unset address
 * (`0.0.0.0`, `::`, null for IPv6) means no endpoint in that family.
 */
export function decodeLease(text: string): LeaseContent | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: text.trim() === '' ? 'it is empty' : 'it is not JSON' };
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { problem: 'it is no JSON object' };
  const members = new Map<string, JsonValue>();
  for (const [name, value] of Object.entries(json)) members.set(name.toLowerCase(), value as JsonValue);
  try {
    return content(members);
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message };
    throw error;
  }
}

class Unreadable extends Error {}

function content(members: ReadonlyMap<string, JsonValue>): LeaseContent {
  const ipv4 = endpoint(members, 'ipv4');
  const ipv6 = endpoint(members, 'ipv6');
  const backendType = members.get('backendtype') ?? '';
  if (typeof backendType !== 'string') throw new Unreadable('BackendType is no string');
  const hostId = members.get('hostid') ?? undefined;
  if (hostId !== undefined && !isHostId(hostId)) throw new Unreadable('HostID is no usable name');
  const expiresAt = expiry(members.get('expires') ?? undefined);
  return {
    attributes: { backendType, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) },
    ...(hostId !== undefined && { hostId }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

const MEMBERS = {
  ipv4: { publicIP: 'PublicIP', data: 'BackendData', unset: '0.0.0.0' },
  ipv6: { publicIP: 'PublicIPv6', data: 'BackendV6Data', unset: '::' },
} as const;

function endpoint(members: ReadonlyMap<string, JsonValue>, family: Family): Endpoint | undefined {
  const { publicIP, data, unset } = MEMBERS[family];
  let value = members.get(publicIP.toLowerCase());
  if (value === undefined || (value === null && family === 'ipv6')) value = unset;
  const address = typeof value === 'string' ? tryParseAddress(value, family) : undefined;
  if (address === undefined) throw new Unreadable(`${publicIP} is no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`);
  if (address === unset) return undefined;
  const given = members.get(data.toLowerCase());
  return given === undefined ? { publicIP: address } : { publicIP: address, data: given };
}

function expiry(value: JsonValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  const at = typeof value === 'string' ? Date.parse(value) : NaN;
  if (Number.isNaN(at)) throw new Unreadable('Expires is no point in time such as 2026-01-31T12:00:00.000Z');
  return at;
}
