import type { Address, Host, Lease, Prefix } from '@overlay/core';
import type { Claim } from '../reconciler/strays.js';
import type { KernelObject } from '../reconciler/kind.js';

/** What the objects of a network are derived from, beside the peers' leases. */
export interface NetworkContext {
  readonly host: Host;
  /** This host's own lease. */
  readonly lease: Lease;
}

/** What a network wants on this host whatever the peers: its devices, their addresses and settings. */
export interface DevicePlan {
  readonly objects: readonly KernelObject[];
  /** Bytes of the largest packet that a pod may send. */
  readonly mtu: number;
}

/** What a network wants for one peer. */
export interface PeerPlan {
  readonly objects: readonly KernelObject[];
  /** Why the peer, or one of its families, is not reached; in one line. */
  readonly problem?: string;
  /** True while something is being asked on which the way depends; the objects may be none, or not all, until then. */
  readonly undecided?: boolean;
}

/** Objects of one kind that are ours when they are found in the kernel and nobody wants them. */
export interface OwnMark {
  readonly kind: string;
  readonly claim: Claim;
  /**
   * The subnet of the peer that an object of the kind leads to, for the objects by which the peers of an earlier run are
   * counted before what is left of them is removed; undefined for one that may go whatever the leases say.
   */
  readonly reaches?: (object: KernelObject) => Prefix | undefined;
}

/** What a peer's way depends on and may change by itself: whether an address is on this link. */
export interface PeerWatch {
  /** Says which peers have to be planned again; every one if it says nothing. */
  changes(listener: (peers?: Iterable<string>) => void): () => void;
  /**
   * The addresses whose way has to be known for this peer, and those that had to be until now. None: it is not watched any
   * more. Whoever calls has the peer's lease, and with it both: a table of them here would be most of the memory.
   */
  follow(peer: string, addresses: readonly Address[], before: readonly Address[]): void;
  close(): void;
}

/**
 * A network as data: functions from what is known to what is wanted. All that is imperative about a network (order,
 * retry, healing, restart) is done for it by {@link DeclarativeNetwork}.
 */
export interface NetworkDesign {
  /** Names the network among those of one agent, two of which may be open at once: of one backend's type, too. */
  readonly name: string;
  device(context: NetworkContext): DevicePlan;
  peer(lease: Lease, context: NetworkContext): PeerPlan;
  /** How objects of ours are known from a previous run. Asked again when the context changes. */
  marks(context: () => NetworkContext): readonly OwnMark[];
  readonly watch?: PeerWatch;
  /** The addresses of a peer to follow with {@link watch}; they follow from the lease alone. */
  watched?(lease: Lease): readonly Address[];
}
