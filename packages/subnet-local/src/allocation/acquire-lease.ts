import type { AcquireRequest, Clock, Logger } from '@overlay/core';
import {
  OverlayError,
  abortError,
  errorCode,
  errorText,
  formatLeaseKey,
  parseLeaseKey,
  throwIfAborted,
} from '@overlay/core';
import { jittered, wait } from '@overlay/core/store';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseRecord } from '../directory/lease-record.js';
import { isExpired } from '../directory/lease-record.js';
import { removeIf } from '../directory/remove.js';
import { hostTag, parseClaimName, ticketDispenser } from '../directory/work-names.js';
import { encodeLease } from '../format/lease-content.js';
import type { Plan } from './plan.js';
import { planSubnets } from './plan.js';
import { putLease } from './put-lease.js';

export interface AcquireContext {
  readonly directory: LeaseDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ttlMs: number;
  readonly renewMarginMs: number;
  /** Reads the whole directory and gives what leases are in it. */
  readonly read: () => Promise<Iterable<LeaseRecord>>;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5000;

/**
 * Takes a lease for a host, or finds the one that it has. Tries until it succeeds, the range is full, or the signal is
 * given; trouble with the directory is waited out and logged once.
 *
 * @throws OverlayError `OVERLAY_RANGE_FULL`, `OVERLAY_ABORTED`, `OVERLAY_CLOSED`
 */
export async function acquireLease(
  request: AcquireRequest,
  context: AcquireContext,
  signal: AbortSignal,
): Promise<LeaseRecord> {
  const { directory, clock, logger } = context;
  const what = `acquiring a subnet for host ${request.hostId} in ${directory.path}`;
  const ticket = ticketDispenser();
  discardClaims(request.hostId, directory);
  let backoffMs = FIRST_BACKOFF_MS;
  let trouble: string | undefined;
  for (;;) {
    throwIfAborted(what, signal);
    try {
      const record = await attempt(request, context, ticket, what, signal);
      if (trouble !== undefined) logger.info(`${what}: done`);
      if (record !== undefined) return record;
      await wait(clock, jittered(20), what, signal);
    } catch (error) {
      if (signal.aborted) throw abortError(what, signal);
      if (errorCode(error)?.startsWith('OVERLAY_') === true) throw error;
      if (trouble !== errorText(error)) {
        trouble = errorText(error);
        logger.warn(`${what}: ${trouble}; trying again`);
      }
      await wait(clock, jittered(backoffMs), what, signal);
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
    }
  }
}

/** Claims of the same host are most likely of an agent that was killed; nobody is to wait for them to grow old. */
function discardClaims(hostId: string, directory: LeaseDirectory): void {
  let names: readonly string[];
  try {
    names = directory.names();
  } catch {
    return; // What is wrong with the directory will show when the lease is taken.
  }
  const host = hostTag(hostId);
  for (const name of names) if (parseClaimName(name)?.host === host) directory.discard(name);
}

/** One attempt. Undefined when somebody else was quicker. */
async function attempt(
  request: AcquireRequest,
  context: AcquireContext,
  ticket: () => string,
  what: string,
  signal: AbortSignal,
): Promise<LeaseRecord | undefined> {
  const { directory, clock, renewMarginMs, ttlMs } = context;
  const { hostId, attributes } = request;
  directory.create();
  const records = [...(await context.read())];
  const isOwn = ownership(request);
  const mine = records.filter(isOwn).sort((a, b) => b.writtenAt - a.writtenAt);
  const own = mine[0];
  const plan = makePlan(
    request,
    own,
    records.filter((record) => !isOwn(record)),
    context,
  );
  if (plan.kind === 'full') throw rangeFull(request, plan, what);
  if (plan.kind === 'busy') return undefined;
  const { subnets } = plan;
  const name = formatLeaseKey(subnets);
  const reserved = own?.name === name && own.expiresAt === undefined;
  const fresh = own?.expiresAt === undefined || own.expiresAt - renewMarginMs > clock.now();
  let record = own;
  if (own?.name !== name || own.text !== `${name} ${encodeLease({ attributes, hostId })}` || !fresh) {
    const expiry = !reserved && { expiresAt: clock.now() + ttlMs };
    const put = await putLease({ hostId, subnets, attributes, ...expiry }, { directory, clock, signal, ticket, isOwn });
    if (put.kind !== 'written') return undefined;
    record = put.record;
  }
  // Left by a host that moved to another subnet, now or when it was killed while it did.
  for (const { name: old } of mine) if (old !== name) removeIf(directory, old, ticket(), isOwn);
  return record;
}

/** A lease is the host's when it names it; one that names no host is that of the host with its public address. */
function ownership({ hostId, attributes }: AcquireRequest): (record: LeaseRecord) => boolean {
  const { ipv4, ipv6 } = attributes;
  return (record) =>
    record.hostId === undefined
      ? (ipv4 !== undefined && record.attributes.ipv4?.publicIP === ipv4.publicIP) ||
        (ipv6 !== undefined && record.attributes.ipv6?.publicIP === ipv6.publicIP)
      : record.hostId === hostId;
}

function makePlan(
  request: AcquireRequest,
  own: LeaseRecord | undefined,
  others: readonly LeaseRecord[],
  { directory, clock }: AcquireContext,
): Plan {
  const now = clock.now();
  const known = new Map(others.map((record) => [record.name, record]));
  const held = [];
  const claimed = [];
  for (const name of directory.names()) {
    const claim = parseClaimName(name);
    if (claim !== undefined) claimed.push(claim.subnets);
    const subnets = own?.name === name ? undefined : parseLeaseKey(name);
    const record = known.get(name);
    // What has a lease's name but cannot be read as one keeps its subnets, too: it may be somebody's.
    if (subnets !== undefined && (record === undefined || !isExpired(record, now))) held.push(subnets);
  }
  const ended = others
    .filter((record) => isExpired(record, now))
    .sort((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0))
    .map((record) => record.subnets);
  return planSubnets(request, own?.subnets, { held, ended, claimed });
}

function rangeFull(request: AcquireRequest, plan: Extract<Plan, { kind: 'full' }>, what: string): OverlayError {
  const conf = request.netConf[plan.family];
  const range = `/${conf?.subnetLen} from ${conf?.subnetMin} to ${conf?.subnetMax}`;
  return new OverlayError(
    'OVERLAY_RANGE_FULL',
    `${what}: no ${range} is free, ${plan.held} subnets are held; remove leases of hosts that are gone, or widen the network`,
  );
}
