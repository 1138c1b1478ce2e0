import type { Address } from '../address/index.js';
import type { Lease, LeaseUpdate, PerFamily } from '../lease.js';

/** What has changed for the network. */
export type LeaseDelta = Extract<LeaseUpdate, { type: 'delta' }>;

/**
 * What a lease claims for itself alone, beside its subnets, as opaque texts: `mac:aa:bb:cc:dd:ee:ff`. Called once for
 * each family with a lease reduced to that family; both families of one lease may claim the same. The data is not
 * trusted; when this throws, the lease is held.
 */
export type ClaimsOf = (lease: Lease) => readonly string[];

/** How a {@link LeaseTable} doubts. */
export interface LeaseTableOptions {
  /** Milliseconds that doubted removals wait; 0 for never doubting. Default 60,000. */
  readonly holdMs?: number;
  /** The part of the peers, 0 to 1, of which more must vanish for a doubt. More than one must in any case. Default 0.2. */
  readonly doubtFraction?: number;
}

/** A lease of which the network is not told, or not of everything in it. */
export interface HeldLease {
  readonly key: string;
  /** Why a family is held, in one line. */
  readonly reasons: PerFamily<string>;
  /** Why the lease as a whole is held: it cannot be read. */
  readonly problem?: string;
  /** Why some of its endpoints are left out, in one line; the lease itself may well have been passed on. */
  readonly endpoints?: string;
}

/** A public IP that several peers publish. */
export interface SharedAddress {
  readonly address: Address;
  /** The keys of their leases, at least two. */
  readonly keys: readonly string[];
}

/** A removal that is not believed yet: the network still has the peer as it was. */
export interface HeldRemoval {
  readonly key: string;
  /** What the network still has. */
  readonly lease: Lease;
  /** `gone`: the store has it no more. `changed`: with other subnets. `refused`: in a version that is held. */
  readonly what: 'gone' | 'changed' | 'refused';
  /** When it was first seen, in milliseconds, by the caller's clock. */
  readonly since: number;
  /** From when on it is believed, if the store is read again and says the same. */
  readonly until: number;
}

/** Removals under doubt, taken together. */
export interface Doubt {
  readonly keys: readonly string[];
  /** When the oldest was first seen, in milliseconds, by the caller's clock. */
  readonly since: number;
  /** When the store is to be read again. */
  readonly until: number;
}
