import type { Address, Family, Prefix } from './address/index.js';
import type { JsonValue } from './json.js';

/** Something for each address family that is in use. An absent member means: not in this family. */
export interface PerFamily<T> {
  readonly ipv4?: T;
  readonly ipv6?: T;
}

/** Both families in the order in which everything goes through them. */
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** How other hosts reach a host in one address family. */
export interface Endpoint {
  /** The address on the underlay to which peers send. Flannel's `PublicIP` and `PublicIPv6`. */
  readonly publicIP: Address;
  /** What a backend tells its peers beside the address. Flannel's `BackendData` and `BackendV6Data`. */
  readonly data?: JsonValue;
}

/** One of the ways to reach a host that has several: while it changes from one backend to another. */
export interface BackendEndpoint extends PerFamily<Endpoint> {
  /** What two hosts must have in common so that packets pass between them, `Backend.endpointId`: `vxlan/1/8472`. */
  readonly id: string;
  /** As {@link LeaseAttributes.backendType}. */
  readonly backendType: string;
}

/**
 * What a host publishes with its lease. Its own members are the primary way to reach it, the only one that flanneld
 * knows of.
 */
export interface LeaseAttributes extends PerFamily<Endpoint> {
  /**
   * The type that receivers compare, exactly and in lower case: `vxlan`, `host-gw`. Empty for the backends that
   * publish none (flannel's udp and alloc).
   */
  readonly backendType: string;
  /**
   * All ways to reach the host, the primary one too, in the order in which it prefers them; absent while there is only
   * one. A subnet manager stores this as it is, beside flannel's members and after them, under a name that Go's decoder
   * does not know.
   */
  readonly endpoints?: readonly BackendEndpoint[];
}

/** A host's part of the network: the subnets that it holds and how to reach it. */
export interface Lease {
  /** Opaque, stable for a host as long as it holds its lease. It is not the subnet, which may change under it. */
  readonly key: string;
  /** The subnets from which the host's pods get their addresses. At least one family. */
  readonly subnets: PerFamily<Prefix>;
  readonly attributes: LeaseAttributes;
  /** When the lease ends unless it is renewed, in milliseconds since the Unix epoch. Absent for a reservation. */
  readonly expiresAt?: number;
}

/** One change of the set of all leases. */
export type LeaseChange =
  { readonly type: 'set'; readonly lease: Lease } | { readonly type: 'delete'; readonly key: string };

/** What a stream of leases carries: a snapshot first, then changes, and a new snapshot after any gap. */
export type LeaseEvent =
  | {
      readonly type: 'snapshot';
      readonly leases: readonly Lease[];
      /** They are what is remembered of the store, which has not answered yet. Only ever of the first snapshot. */
      readonly remembered?: true;
      /**
       * The store has gone back since the last one, as when a backup is restored: what is missing here may just not have been
       * written again.
       */
      readonly wentBack?: true;
    }
  | { readonly type: 'changes'; readonly changes: readonly LeaseChange[] };

/** What a network is to know of the peers: all of them, or what has changed since. The own lease is never among them. */
export type LeaseUpdate =
  | { readonly type: 'snapshot'; readonly leases: readonly Lease[] }
  | { readonly type: 'delta'; readonly set: readonly Lease[]; readonly deleted: readonly string[] };
