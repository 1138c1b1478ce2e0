import type { Address, Family, Finding, Host, Lease, Logger, PerFamily, Prefix } from '@overlay/core';
import type { KernelObject, Linux, OwnMark } from '@overlay/linux';
import type { UdpOptions } from './options.js';

/** The tunnel device, by flannel's name for it. */
export const DEVICE = 'flannel0';

/**
 * One way of carrying packets in flannel's `udp` format. What both ways have in common (the address of the device, its
 * settings, the routes of the peers) is wanted of the reconciler by the backend; a data path says in terms of objects of
 * the reconciler what it needs beside, and brings the kinds that make them. So retry, healing, restart and status are
 * done for it.
 */
export interface DataPath {
  readonly name: 'kernel' | 'user';
  /**
   * What keeps it from working on this host: no binary for this machine, no privileges, an old kernel. With an `error`
   * among them it is not taken. Changes nothing.
   */
  preflight(options: { readonly host?: Host; readonly signal: AbortSignal }): Promise<readonly Finding[]>;
  /**
   * Begins to carry packets, as {@link OpenDataPath.device} and {@link OpenDataPath.peer} are asked and their objects
   * made.
   *
   * @throws OverlayError `OVERLAY_ABORTED`, or why it cannot work here.
   */
  open(context: DataPathContext): Promise<OpenDataPath>;
}

/** What a data path is opened with. */
export interface DataPathContext {
  readonly linux: Linux;
  /** Who this host is, the same after a reboot. */
  readonly hostId: string;
  readonly options: UdpOptions;
  /** The families of the inner packets: those of the network's configuration. */
  readonly families: readonly Family[];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What this host is: derived again, and given again as a whole, whenever a part of it changes. */
export interface UdpDevice {
  /** {@link DEVICE}. */
  readonly name: string;
  /** Bytes of the largest inner packet. */
  readonly mtu: number;
  /** The alias that marks the device as ours. */
  readonly alias: string;
  readonly host: Host;
  /** Addresses of this host on the underlay, from which it sends and on which it receives. */
  readonly addresses: PerFamily<Address>;
  /** This host's own lease. Inner packets from outside have to be for one of its subnets. */
  readonly lease: Lease;
}

/** A remote host as plain values. */
export interface UdpPeer {
  /** The key of its lease. */
  readonly key: string;
  /** Its subnets, by the family of the inner packets. */
  readonly subnets: PerFamily<Prefix>;
  /**
   * Where inner packets of a family go, and from where they may come. The address is of that same family, if both hosts
   * have one there, else of the other one, so that both choose alike.
   */
  readonly endpoints: PerFamily<Address>;
  /** UDP port there. What it sends may come from any port: one for each flow spreads them over the queues of a NIC. */
  readonly port: number;
  /** All addresses that it publishes, to tell a stranger from a peer that says what is not so. */
  readonly senders: readonly Address[];
  /** How it receives, if it says so. Flanneld does not, and reads datagrams from a socket. */
  readonly dataPath?: DataPath['name'];
}

/** A data path at work. */
export interface OpenDataPath {
  /** What it needs on this host whatever the peers: the tunnel device, at least. The address and routes are not its. */
  device(device: UdpDevice): readonly KernelObject[];
  /** What it needs for one peer. */
  peer(peer: UdpPeer): readonly KernelObject[];
  /** How its objects are known from a previous run. */
  marks(): readonly OwnMark[];
  /** Cheap enough to be asked once a second. */
  status(): DataPathStatus;
  /**
   * Ends what runs in this process. What outlives it by design stays; what should go with it has been removed through
   * the reconciler before.
   */
  close(): Promise<void>;
}

/** Why a packet was not carried. */
export type DropReason =
  /** From a pod or this host, to no peer's subnet. */
  | 'unknown-destination'
  /** From an address that no known peer publishes. */
  | 'unknown-sender'
  /** The inner source is not in a subnet of the host that sent it. */
  | 'wrong-source'
  /** The inner destination is not in a subnet of this host. */
  | 'wrong-destination'
  /** Not an IP packet, or shorter or longer than its headers say. */
  | 'malformed'
  /** A fragment of an outer datagram, or an inner packet that does not fit. */
  | 'too-large'
  | 'ttl-expired'
  /** No route or neighbour towards the peer, or no address of its family here. */
  | 'unreachable'
  /** The kernel or a queue was full. */
  | 'overload';

/** Inner packets in one direction. A super-packet counts as the packets that are on the wire. */
export interface Traffic {
  readonly packets: number;
  /** Bytes of the inner packets. */
  readonly bytes: number;
}

/** What was carried to and from a peer since this process has known it. */
export interface PeerTraffic {
  /** The key of its lease. */
  readonly key: string;
  readonly sent: Traffic;
  readonly received: Traffic;
}

/** What a data path has counted since its device was made. */
export interface UdpCounters {
  readonly sent: Traffic;
  readonly received: Traffic;
  /** By reason; one that did not occur may be absent. */
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
  /** With `Filter: count`: what would have been dropped and was not, by reason. */
  readonly passed: Readonly<Partial<Record<DropReason, number>>>;
}

/** A data path at a glance. */
export interface DataPathStatus {
  readonly counters: UdpCounters;
  /** The peers with the most bytes, at most 100, the busiest first. Absent where peers are not counted one by one. */
  readonly peers?: readonly PeerTraffic[];
  /** Offloads by name and whether they are in use: `tso`, `uso`, `udp-segment`. */
  readonly offloads: Readonly<Record<string, boolean>>;
  /** What was seen at work and a person should know: a subnet's packets that come from an address it does not publish. */
  readonly findings: readonly Finding[];
}
