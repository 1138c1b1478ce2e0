import type { PerFamily, Prefix } from '@overlay/core';
import { addressText, subnetsText } from '@overlay/core/store';
import type { HostRecord } from '../store/host-record.js';
import type { LeaseRecord } from '../store/lease-record.js';

const GOES_ON = 'traffic goes on as before';

/** Hosts that had the lease before this one took it over, and are alive. */
export function rivalsText(hostId: string, subnets: PerFamily<Prefix>, rivals: readonly HostRecord[]): string {
  const names = rivals.map((rival) => `${rival.id} (${recordAddress(rival)})`).join(', ');
  return (
    `host ${names} had ${subnetsText(subnets)} before host ${hostId} took it over by its public IP, and is alive; ` +
    'give each host a public IP of its own and restart both'
  );
}

/** A host that has taken this one's lease. */
export function takenText(hostId: string, subnets: PerFamily<Prefix>, by: HostRecord): string {
  return (
    `host ${by.id} (${recordAddress(by)}) has taken over the lease of ${subnetsText(subnets)} from host ${hostId}: ` +
    `${GOES_ON}; give each host a public IP of its own and restart this agent`
  );
}

/** Another agent with this host's identity. */
export function namesakeText(hostId: string, other: HostRecord): string {
  return (
    `another agent that calls itself host ${hostId} (${recordAddress(other)}) has taken over the lease: ` +
    `${GOES_ON}; give each host an identity of its own (--host-id) and restart this agent`
  );
}

/** Somebody who leaves no record has written in the lease's place. */
export function rewrittenText(subnets: PerFamily<Prefix>, record: LeaseRecord): string {
  return (
    `our ${subnetsText(subnets)} is held by another (${holderAddress(record)}, which may be flanneld): ` +
    `${GOES_ON}; stop the other, or restart this agent or run overlay apply to take another subnet`
  );
}

/** While the lease was gone, another one came up that overlaps it. */
export function overlapText(subnets: PerFamily<Prefix>, record: LeaseRecord, holder: HostRecord | undefined): string {
  const who = `${holder === undefined ? '' : `host ${holder.id}, `}${holderAddress(record)}`;
  return (
    `our ${subnetsText(subnets)} is held by another (${who}, ${subnetsText(record.subnets)}): ` +
    `${GOES_ON}; remove that lease, or restart this agent or run overlay apply to take another subnet`
  );
}

function holderAddress({ attributes }: LeaseRecord): string {
  return attributes === undefined ? 'somebody' : addressText({ attributes });
}

function recordAddress({ publicIPs }: HostRecord): string {
  return publicIPs.ipv4 ?? publicIPs.ipv6 ?? 'no address';
}
