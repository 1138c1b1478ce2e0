import type { Lease, LeaseAttributes, PerFamily, Prefix } from '@overlay/core';

/** A lease as its file tells it. */
export interface LeaseRecord {
  /** The file's name. */
  readonly name: string;
  readonly subnets: PerFamily<Prefix>;
  /** The lease's key: the host's identity, or `public-ip:…` where the file names no host. */
  readonly key: string;
  readonly hostId?: string;
  readonly attributes: LeaseAttributes;
  readonly expiresAt?: number;
  /** Everything but the expiry, in canonical form: equal texts mean that peers have nothing to learn. */
  readonly text: string;
  /** Milliseconds since the Unix epoch at which the file was written. */
  readonly writtenAt: number;
  /** Different whenever the file is another one or was written to. */
  readonly stamp: string;
}

/** What came of looking for a lease in a file. */
export type Reading =
  | { readonly kind: 'lease'; readonly record: LeaseRecord }
  | { readonly kind: 'absent' }
  /** Something that is no lease, why, and whether a lease's file can be renamed onto it. */
  | { readonly kind: 'junk'; readonly why: string; readonly replaceable: boolean }
  /** It cannot be told at present. */
  | { readonly kind: 'trouble'; readonly error: Error };

/** Whether the lease has ended. A reservation never does. */
export function isExpired(record: { readonly expiresAt?: number }, now: number): boolean {
  return record.expiresAt !== undefined && record.expiresAt <= now;
}

/** The lease that peers are told. */
export function leaseOf(record: LeaseRecord): Lease {
  const { key, subnets, attributes, expiresAt } = record;
  return { key, subnets, attributes, ...(expiresAt !== undefined && { expiresAt }) };
}
