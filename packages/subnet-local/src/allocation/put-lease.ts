import { formatLeaseKey } from '@overlay/core';
import type { Clock, LeaseAttributes, PerFamily, Prefix } from '@overlay/core';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseRecord } from '../directory/lease-record.js';
import { isExpired } from '../directory/lease-record.js';
import { removeIf } from '../directory/remove.js';
import { hostTag, ticketDispenser } from '../directory/work-names.js';
import { encodeLease } from '../format/lease-content.js';
import type { Holder } from './claim.js';
import { Claim } from './claim.js';

/** A lease that is to be in the directory. */
export interface WantedLease {
  readonly hostId: string;
  readonly subnets: PerFamily<Prefix>;
  readonly attributes: LeaseAttributes;
  /** Absent for a reservation. */
  readonly expiresAt?: number;
}

/** What came of it. */
export type Put =
  | { readonly kind: 'written'; readonly record: LeaseRecord }
  /** Somebody was quicker, or is about to be: look again, and try again. */
  | { readonly kind: 'lost' }
  /** Others hold the subnets. */
  | { readonly kind: 'taken'; readonly by: readonly Holder[] };

export interface PutContext {
  readonly directory: LeaseDirectory;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Gives the tickets of this undertaking. */
  readonly ticket: () => string;
  /** Whether a lease is the host's own. */
  readonly isOwn: (record: LeaseRecord) => boolean;
}

/**
 * Takes a lease or rewrites the one that the host has for these subnets, by the protocol of {@link Claim}.
 *
 * @throws system errors of writing; OverlayError `OVERLAY_ABORTED`. No claim is left in either case.
 */
export async function putLease(wanted: WantedLease, context: PutContext): Promise<Put> {
  const { directory, clock, isOwn, signal, ticket } = context;
  const { hostId, subnets, attributes, expiresAt } = wanted;
  const lease = formatLeaseKey(subnets);
  const subject = { lease, subnets, host: hostTag(hostId) };
  const claim = await Claim.stake(directory, subject, ticket(), encodeLease({ attributes, hostId, expiresAt }));
  try {
    const verdict = await claim.decide(isOwn, clock, signal);
    if (verdict.kind === 'yield') return { kind: 'lost' };
    const there = directory.read(lease);
    const replaces =
      (there.kind === 'lease' && isOwn(there.record)) ||
      // Something that is no lease in the place of ours: no other host is meant by it.
      (there.kind === 'junk' &&
        there.replaceable &&
        verdict.kind === 'taken' &&
        verdict.by.every((holder) => holder.name === lease));
    if (!replaces) {
      if (verdict.kind === 'taken') return { kind: 'taken', by: verdict.by };
      for (const { name } of verdict.expired) {
        removeIf(directory, name, ticket(), (record) => isExpired(record, clock.now()));
      }
    }
    if (!(replaces ? claim.replace() : claim.create())) return { kind: 'lost' };
    const written = directory.read(lease);
    return written.kind === 'lease' && isOwn(written.record)
      ? { kind: 'written', record: written.record }
      : { kind: 'lost' };
  } finally {
    claim.withdraw();
  }
}

/**
 * Removes a lease that has ended, unless somebody is just about to do something with its subnets.
 *
 * @throws system errors of writing; OverlayError `OVERLAY_ABORTED`.
 */
export async function removeExpired(
  record: LeaseRecord,
  { directory, clock }: Pick<PutContext, 'directory' | 'clock'>,
): Promise<void> {
  const ticket = ticketDispenser();
  const subject = { lease: record.name, subnets: record.subnets, host: hostTag(record.key) };
  const claim = await Claim.stake(directory, subject, ticket(), '');
  try {
    const { kind } = claim.check((other) => other.name === record.name, clock.now());
    if (kind === 'wait' || kind === 'yield') return;
    removeIf(directory, record.name, ticket(), (found) => isExpired(found, clock.now()));
  } finally {
    claim.withdraw();
  }
}
