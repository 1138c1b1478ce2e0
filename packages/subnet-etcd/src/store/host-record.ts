import type { Address, LeaseAttributes, PerFamily } from '@overlay/core';
import { parseLeaseKey, tryParseAddress } from '@overlay/core';
import { isHostId } from '@overlay/core/store';
import type { KeyValue } from '../rpc/messages.js';
import type { LeaseRecord } from './lease-record.js';

/** Which agent of which host holds a lease: what flannel's value has no place for. */
export interface HostRecord {
  readonly id: string;
  /** The name of the lease. */
  readonly name: string;
  /** Where the host was reached when it took the lease. */
  readonly publicIPs: PerFamily<Address>;
  /** One run of one agent. */
  readonly agent: string;
  /** When that run began, in milliseconds since the Unix epoch: of two runs the later one counts. */
  readonly since: number;
  readonly lease: bigint;
  readonly modRevision: number;
}

/** Who writes host records. */
export interface Agent {
  readonly agent: string;
  readonly since: number;
}

/** Whether a text can stand for a host here: what looks like a lease cannot. */
export function isHostName(id: string): boolean {
  return isHostId(id) && parseLeaseKey(id) === undefined;
}

export function formatHostRecord(name: string, attributes: LeaseAttributes, { agent, since }: Agent): string {
  const { ipv4, ipv6 } = attributes;
  return JSON.stringify({
    Key: name,
    PublicIP: ipv4?.publicIP ?? null,
    PublicIPv6: ipv6?.publicIP ?? null,
    Agent: agent,
    Since: since,
  });
}

/** Undefined when it is none. */
export function parseHostRecord(id: string, { value, lease, modRevision }: KeyValue): HostRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || !isHostName(id)) return undefined;
  const { Key: name, PublicIP, PublicIPv6, Agent: agent, Since: since } = json as Record<string, unknown>;
  if (typeof name !== 'string' || parseLeaseKey(name) === undefined) return undefined;
  if (typeof agent !== 'string' || typeof since !== 'number') return undefined;
  const ipv4 = typeof PublicIP === 'string' ? tryParseAddress(PublicIP, 'ipv4') : undefined;
  const ipv6 = typeof PublicIPv6 === 'string' ? tryParseAddress(PublicIPv6, 'ipv6') : undefined;
  const publicIPs = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return { id, name, publicIPs, agent, since, lease, modRevision };
}

/**
 * Whether a record speaks of the lease as it is now: both were written together, or the lease was written again since
 * (flanneld renews that way) by a host with the same address. A lease that has gone to somebody else since is not meant.
 */
export function speaksOf(host: HostRecord, record: LeaseRecord): boolean {
  if (host.name !== record.name) return false;
  if (host.lease === record.lease) return true;
  const { ipv4, ipv6 } = record.attributes ?? {};
  return ipv4 !== undefined ? ipv4.publicIP === host.publicIPs.ipv4 : ipv6?.publicIP === host.publicIPs.ipv6;
}
