import { parseLeaseKey } from '@overlay/core';
import { createHash, randomBytes } from 'node:crypto';
import type { PerFamily, Prefix } from '@overlay/core';

/**
 * Names of the files with which leases are made and removed. All begin with a dot, so that nobody takes them for leases,
 * and carry in the name what others must know: a listing of the directory is enough to see who is about to do what.
 *
 * - `.tmp.TICKET`: a text that is being written
 * - `.claim.TICKET.HOST.LEASE`: somebody is about to take, rewrite or remove LEASE; HOST is a digest of his identity
 * - `.gone.TICKET.LEASE`: a lease's file on its way out
 */
export interface Claimed {
  /** The claim's place in the order of claims: the smaller text goes first. */
  readonly ticket: string;
  readonly host: string;
  /** The name of the lease's file. */
  readonly lease: string;
  readonly subnets: PerFamily<Prefix>;
}

const TICKET = '[0-9a-z]{9}-[0-9a-f]{8}-[0-9]{6}';
const CLAIM = new RegExp(`^\\.claim\\.(${TICKET})\\.([0-9a-f]{8})\\.(.+)$`);
const GONE = new RegExp(`^\\.gone\\.${TICKET}\\.(.+)$`);
const TEMPORARY = new RegExp(`^\\.tmp\\.${TICKET}$`);

/**
 * Gives out tickets for one undertaking. Those of an older undertaking sort first, whatever its attempt, so that
 * whoever has tried for long goes before those who have just come. No ticket is given twice, on the whole machine.
 */
export function ticketDispenser(): () => string {
  const started = Date.now().toString(36).padStart(9, '0');
  const random = randomBytes(4).toString('hex');
  let attempt = 0;
  return () => `${started}-${random}-${String(attempt++).padStart(6, '0')}`;
}

/** A short digest of a host's identity. Two hosts with the same one merely wait for each other. */
export function hostTag(hostId: string): string {
  return createHash('sha256').update(hostId).digest('hex').slice(0, 8);
}

export function temporaryName(ticket: string): string {
  return `.tmp.${ticket}`;
}

export function claimName(ticket: string, host: string, lease: string): string {
  return `.claim.${ticket}.${host}.${lease}`;
}

export function goneName(ticket: string, lease: string): string {
  return `.gone.${ticket}.${lease}`;
}

export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}

export function parseClaimName(name: string): Claimed | undefined {
  if (!name.startsWith('.claim.')) return undefined;
  const [, ticket, host, lease] = CLAIM.exec(name) ?? [];
  const subnets = lease === undefined ? undefined : parseLeaseKey(lease);
  if (ticket === undefined || host === undefined || lease === undefined || subnets === undefined) return undefined;
  return { ticket, host, lease, subnets };
}

export function parseGoneName(
  name: string,
): { readonly lease: string; readonly subnets: PerFamily<Prefix> } | undefined {
  if (!name.startsWith('.gone.')) return undefined;
  const lease = GONE.exec(name)?.[1];
  const subnets = lease === undefined ? undefined : parseLeaseKey(lease);
  return lease === undefined || subnets === undefined ? undefined : { lease, subnets };
}
