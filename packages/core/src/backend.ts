import type { Observable } from 'rxjs';
import type { Family, Prefix } from './address/index.js';
import type { Host } from './host.js';
import type { Lease, LeaseAttributes, LeaseUpdate, PerFamily } from './lease.js';
import type { NetConf } from './net-conf/index.js';
import type { Clock } from './ports/clock.js';
import type { Logger } from './ports/logger.js';
import type { Metrics } from './ports/metrics.js';

/**
 * What a kind of backend can do. It is a public promise: the agent refuses configurations that need more, and the
 * conformance suite tests exactly this.
 */
export interface BackendSupports {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Both families at once. */
  readonly dualStack: boolean;
  /** Reaches hosts behind a router, not only those on the same link. */
  readonly crossesSubnets: boolean;
  readonly encryption: boolean;
  /** Packets keep flowing while no agent runs. */
  readonly survivesAgent: boolean;
  /** Understands leases of flanneld's backend of the same type, and is understood. */
  readonly flannelInterop: boolean;
  /**
   * Drops what comes out of the overlay with a source that is not in the subnets of the peer that sent it, and what comes
   * from an underlay address that no peer has. False unless told.
   */
  readonly checksSource?: boolean;
}

/** Something that will stop or harm traffic on this host, found before it does. */
export interface Finding {
  /** `error`: nothing will work until it is mended. `warning`: something may not. */
  readonly level: 'error' | 'warning';
  /** Stable name of the check: `forward-policy`, `kernel-vxlan`. */
  readonly check: string;
  /** What is wrong, in one line. */
  readonly message: string;
  /** What a person can do about it, in one line. */
  readonly remedy: string;
}

/** What a backend is made from. */
export interface BackendInit {
  readonly netConf: NetConf;
  /** Who this host is, the same after a reboot and on no other host. */
  readonly hostId: string;
  /**
   * Networks of configurations that this host had before and may have left objects of: what is found inside them and
   * bears our marks is ours too.
   */
  readonly recordedNetworks?: readonly Prefix[];
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
}

/** Makes one kind of backend. This is what an agent is given, one for each type that it is to know. */
export interface BackendFactory {
  /** The value of `Backend.Type` in net-conf.json, in lower case. */
  readonly type: string;
  /** What its backends can do, with the options that are best for it. Families are the same with all options. */
  readonly supports: BackendSupports;
  /**
   * Reads the options of `netConf.backend` and makes a backend; touches nothing yet.
   *
   * @throws OverlayError `OVERLAY_CONFIG_INVALID` naming the option that is wrong.
   */
  create(init: BackendInit): Backend;
}

/** What {@link Backend.attributes$} works from. */
export interface AttributesContext {
  readonly host$: Observable<Host>;
  /** The lease that this host held before, if the store still has it. */
  readonly previous?: Lease;
}

/** Peers of which a network has found something in the kernel that is its own, from an earlier run, and that nobody wants. */
export interface LeftOverPeers {
  /** Their subnets. */
  readonly subnets: readonly Prefix[];
  /** To how many subnets of a family something of an earlier run was found to lead, these and wanted ones. */
  readonly found: PerFamily<number>;
}

/** What {@link Backend.open} works from. */
export interface OpenContext {
  /** This host's own lease, the current one first, again when it changes. */
  readonly lease$: Observable<Lease>;
  /** The host, the current one first, again when its interface or addresses change. */
  readonly host$: Observable<Host>;
  /**
   * Asked once, after the first snapshot, when there are such peers: what is left of an earlier run goes when it resolves,
   * and carries packets until then. What is wanted does not wait for it. A network that was given none removes it at once.
   */
  readonly leftOver?: (peers: LeftOverPeers) => Promise<void>;
  /** Ends an opening that is under way. A network that is open is ended by {@link Network.close}. */
  readonly signal: AbortSignal;
}

/** One way of carrying packets between hosts. A plain object: no container, no global state. */
export interface Backend {
  readonly type: string;
  /** What it can do with the options that it was made with: what its factory says, or less. */
  readonly supports: BackendSupports;

  /**
   * Whether a network that is opened in the place of one that is open, in one process, takes over from it without losing
   * a packet. Unless told: when `supports.survivesAgent`.
   */
  readonly reopensInPlace?: boolean;

  /**
   * What two hosts must have in common so that packets pass between them, {@link type} first: `vxlan/1/8472`. 1 to 128
   * printable ASCII characters without blanks. Two configurations with one id are one network to the peers, and changing
   * between them needs nothing of them. The type unless told.
   */
  readonly endpointId?: string;

  /**
   * The names of options, in any case, that move no traffic when they change: such a change is taken at once, by opening
   * the network again in the place of the one before. None unless told.
   */
  readonly liveOptions?: readonly string[];

  /**
   * Whether what a lease publishes without an id, as flanneld does, is an endpoint of this one's {@link endpointId}, as
   * far as one can tell. Not trusted. Unless told: when the type is the same.
   */
  understands?(attributes: LeaseAttributes): boolean;

  /**
   * Why this backend cannot be open beside another one, with another {@link endpointId}, on the same host: a device name
   * that both need. One line; undefined when it can. Unless told it can.
   */
  whyNotBeside?(other: Backend): string | undefined;

  /** Bytes that it adds to each packet sent over an underlay of this family. */
  overhead(underlay: Family): number;

  /** Looks for what will stop traffic: kernel features, privileges, settings. Changes nothing. */
  preflight(options: { readonly host?: Host; readonly signal: AbortSignal }): Promise<readonly Finding[]>;

  /**
   * What no two hosts may have at once, as this backend reads it out of a lease: `mac:c6:d2:32:6f:8f:44`. A lease that
   * claims what another one or this host has already is held, with the reason, until that goes. None unless told.
   */
  claims?(lease: Lease): readonly string[];

  /** What this host is to publish; again when that changes. Errors end the agent's attempt, which is then repeated. */
  attributes$(context: AttributesContext): Observable<LeaseAttributes>;

  /**
   * Begins to carry packets for the lease. Resolves once the network exists as an object; its devices may still be on
   * their way, as {@link Network.state$} tells. What it needs of the kernel is retried for as long as it is open.
   *
   * @throws OverlayError `OVERLAY_ABORTED` when the signal is given before it has opened.
   */
  open(context: OpenContext): Promise<Network>;
}

/** How far a network is. */
export interface NetworkState {
  /**
   * `starting`: own devices are not there yet. `ready`: they are. `failed`: they cannot be made at present; it is being
   * tried again.
   */
  readonly phase: 'starting' | 'ready' | 'failed';
  /** Bytes of the largest packet that a pod may send: what goes into `FLANNEL_MTU`. */
  readonly mtu: number;
  /** Why it is not ready, in one line. */
  readonly problem?: string;
}

/** A peer, or an object of our own, that is not as it should be. */
export interface NetworkProblem {
  /** The lease's key; absent for what belongs to this host. */
  readonly peer?: string;
  /** What is wrong and, where one can tell, what to do. One line. */
  readonly message: string;
}

/** A network at a glance. */
export interface NetworkStatus {
  /** Peers that it was told of. */
  readonly peers: number;
  /** Objects wanted in the kernel. */
  readonly objects: number;
  /** Objects that are on their way. */
  readonly pending: number;
  /** Objects that were refused and are being tried again. */
  readonly failed: number;
  /** At most 100 of what is wrong; `failed` counts them all. */
  readonly problems: readonly NetworkProblem[];
}

/** An open network: it makes the subnets of the leases that it is given reachable, and keeps them so. */
export interface Network {
  /** The state now, then each different one. Completes on {@link close}. */
  readonly state$: Observable<NetworkState>;
  /** Takes in the peers. Returns at once; the work is done in the background and never given up. Idempotent. */
  apply(update: LeaseUpdate): void;
  /**
   * Resolves when everything applied so far has been tried at least once, whether it succeeded or not.
   *
   * @throws OverlayError `OVERLAY_ABORTED`, `OVERLAY_CLOSED`.
   */
  settled(options: { readonly signal: AbortSignal }): Promise<void>;
  status(): NetworkStatus;
  /**
   * Whether packets to a peer that was applied go through this network from now on: their way is known, and what makes
   * it is wanted. Unless told, that is so for every peer as soon as {@link state$} has been `ready`. While a host has two
   * networks, a peer stays in the other one until this answers true.
   */
  reaches?(peer: string): boolean;
  /**
   * The keys of peers for which {@link reaches} answers otherwise than before, told in the same turn of the event loop in
   * which the objects of the peer change. Completes on {@link close}.
   */
  readonly reachChanges$?: Observable<readonly string[]>;
  /**
   * Stops working. Leaves the data path as it is: packets keep flowing. With `remove` it takes out of the data path what
   * it made, but for what another open network of the agent wants as well, and then stops. Idempotent: what counts is the
   * first call.
   */
  close(options?: { readonly remove?: boolean }): Promise<void>;
}
