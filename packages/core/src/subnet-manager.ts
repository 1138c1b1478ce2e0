import type { Observable } from 'rxjs';
import type { PerFamily, Lease, LeaseAttributes, LeaseEvent } from './lease.js';
import type { Prefix } from './address/index.js';
import type { NetConf } from './net-conf/index.js';

/**
 * The network's configuration. `refused` means that the store holds one that cannot be used; the last good one stays.
 * `waiting` means that there is none yet.
 */
export type ConfigEvent =
  | { readonly type: 'config'; readonly netConf: NetConf }
  | { readonly type: 'refused'; readonly problem: string }
  | { readonly type: 'waiting'; readonly reason: string };

/** What a host asks for. */
export interface AcquireRequest {
  /** Who asks: the same after a reboot, on no other host. */
  readonly hostId: string;
  readonly netConf: NetConf;
  /** What to publish with the lease. */
  readonly attributes: LeaseAttributes;
  /** Subnets that the host had before, from its `subnet.env`; given again if they are free and still fit. */
  readonly wanted?: PerFamily<Prefix>;
}

/** How an acquisition is ended, and whom it tells what it waits for. */
export interface AcquireOptions {
  readonly signal: AbortSignal;
  /** Called with one line when it has to wait for something that others must do, and again when that is another thing. */
  readonly waiting?: (reason: string) => void;
}

/** The lease that this host holds. */
export interface OwnLeaseState {
  readonly lease: Lease;
  /** What is wrong with holding it (another host claims it, renewal fails), in one line. Traffic goes on. */
  readonly problem?: string;
  /**
   * Another host has the subnet now, or the store has another one for this host, as {@link problem} says: packets for it
   * do not come here any more. What is here stays as it is, since pods
   * live in the subnet; another {@link SubnetManager.acquire} takes another one.
   */
  readonly lost?: true;
  /** It is what is remembered of the store, which has not answered yet. Nothing of what was asked for is published. */
  readonly remembered?: true;
}

/** The means to keep a lease. It is renewed for as long as its subnet manager is open. */
export interface OwnLease {
  /** The lease as it stands, then each change of it. */
  readonly state$: Observable<OwnLeaseState>;
  /** Publishes other attributes with the same subnets. Writes nothing when they are equal. */
  publish(attributes: LeaseAttributes, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Where leases are kept. It never touches the kernel. */
export interface SubnetManager {
  /**
   * The configuration, the current one first. Ends with an error only when a file or flag of this host is wrong
   * (`OVERLAY_CONFIG_INVALID`), which a person must mend.
   */
  readonly config$: Observable<ConfigEvent>;

  /**
   * All leases, the own one included: a snapshot on subscription, then changes; a snapshot again after any gap. Trouble
   * with the store is no error of the stream: it goes on when the store is back.
   */
  readonly leases$: Observable<LeaseEvent>;

  /** The lease that the store holds for this host, if any. */
  previous(hostId: string, options: { readonly signal: AbortSignal }): Promise<Lease | undefined>;

  /**
   * Takes a lease for this host: the one it has, if that still fits the configuration, else a free one. Retries while
   * others are quicker or the store is away.
   *
   * @throws OverlayError `OVERLAY_RANGE_FULL` when no subnet is free, `OVERLAY_ABORTED`, `OVERLAY_CLOSED`,
   *   `OVERLAY_LEASE_INVALID` when the configuration and what the store dictates contradict each other.
   */
  acquire(request: AcquireRequest, options: AcquireOptions): Promise<OwnLease>;

  /** Asks for a new snapshot of {@link leases$}, read from the store itself. */
  resync(): void;

  /** When the view was last known to be that of the store, in milliseconds since the Unix epoch. */
  confirmedAt(): number | undefined;

  /** Stops renewing and watching. Leases stay in the store until they expire. Idempotent. */
  close(): Promise<void>;
}
