import type { Address, Family, Mac, Prefix } from '@overlay/core';
import type { MacvlanMode } from '../netlink/rtnetlink/link.js';

/** Attributes of a VXLAN device, `IFLA_VXLAN_*` of linux/if_link.h. */
export interface VxlanAttributes {
  /** Network identifier, 1 to 16,777,215. */
  readonly vni: number;
  /** UDP destination port; 0 leaves it to the kernel, which takes 8472. */
  readonly port: number;
  /** Source address of the outer header. */
  readonly local: Address;
  /** The interface that carries the tunnel, by name. */
  readonly lower: string;
  readonly learning: boolean;
  /** Group Based Policy extension. */
  readonly gbp: boolean;
}

/** Attributes of a macvlan device: a further MAC, with addresses of its own, on an interface that stays as it is. */
export interface MacvlanAttributes {
  /** The interface that it is on, by name. The kernel deletes the device with it. */
  readonly lower: string;
  readonly mode: MacvlanMode;
}

/** One end of a pair of devices: what one sends, the other receives. The first of the two to be made makes both. */
export interface VethAttributes {
  /** The other end, by name, in the same network namespace. */
  readonly peer: string;
}

/** A device of ours. */
export interface LinkObject {
  readonly kind: 'link';
  readonly name: string;
  /** The kernel's name of its type: `vxlan`. Found devices that have none (Ethernet) say `''`. */
  readonly type: string;
  /** Our mark, `IFLA_IFALIAS`. */
  readonly alias: string;
  /** Largest packet in bytes. */
  readonly mtu: number;
  readonly mac: Mac;
  readonly up: boolean;
  /** Neighbours on it are not asked for (IFF_NOARP). False unless told. */
  readonly noArp?: boolean;
  /** Only for one that was found: the bridge, bond or VRF that has it, and its packets. One of ours is to have none. */
  readonly master?: string;
  readonly vxlan?: VxlanAttributes;
  readonly macvlan?: MacvlanAttributes;
  readonly veth?: VethAttributes;
}

/** An address on a device. */
export interface AddressObject {
  readonly kind: 'address';
  readonly link: string;
  readonly address: Address;
  readonly prefixLength: number;
}

/** A permanent neighbour: which MAC an address on a device has. */
export interface NeighbourObject {
  readonly kind: 'neighbour';
  readonly link: string;
  readonly address: Address;
  readonly mac: Mac;
}

/** A permanent forwarding entry of a VXLAN device: to which host frames for a MAC go. */
export interface FdbObject {
  readonly kind: 'fdb';
  readonly link: string;
  readonly mac: Mac;
  readonly dst: Address;
}

/** A unicast route in the main table. */
export interface RouteObject {
  readonly kind: 'route';
  readonly destination: Prefix;
  readonly link: string;
  readonly gateway?: Address;
  /** The gateway is taken to be on the link although no route says so. */
  readonly onlink: boolean;
  /** The route's priority; the kernel reads 0 as 1024 for IPv6. */
  readonly metric: number;
  /** Who made it, `rtm_protocol`. */
  readonly protocol: number;
  /** Preferred source address. */
  readonly prefSrc?: Address;
}

/**
 * The kernel's settings for a device of ours, as far as packets need them: no router advertisements taken, no strict
 * reverse path filter, forwarding on. One object for all of them, because what is sufficient depends on the others.
 */
export interface DeviceSettingsObject {
  readonly kind: 'device-settings';
  readonly link: string;
  /** Only for one that was found: whether everything is as needed. */
  readonly sufficient?: boolean;
}

/** The kernel's settings for forwarding packets of one family between pods and the underlay. */
export interface HostSettingsObject {
  readonly kind: 'host-settings';
  readonly family: Family;
  /** Only for one that was found: whether everything is as needed. */
  readonly sufficient?: boolean;
}

/** What the kinds of this package handle. */
export type LinuxObject =
  LinkObject | AddressObject | NeighbourObject | FdbObject | RouteObject | DeviceSettingsObject | HostSettingsObject;

/** The route protocol that marks routes as ours. Free in iproute2's rt_protos. */
export const ROUTE_PROTOCOL = 111;

/** What flanneld's library leaves in `rtm_protocol`: RTPROT_BOOT of linux/rtnetlink.h. */
export const PROTOCOL_BOOT = 3;

const METRIC_BUCKETS = 1 << 10;
/** The metric that IPv6 routes have when none is asked for, IP6_RT_PRIO_USER of linux/ipv6_route.h. */
export const IPV6_DEFAULT_METRIC = 1024;

/**
 * The metric of a route to a peer's subnet: from 1 to 1024 for IPv4, out of the prefix alone.
 *
 * Routes that differ only in their gateway share one bucket of the kernel's route hash (`fib_info_hashfn` of
 * net/ipv4/fib_semantics.c mixes device and priority, not the gateway), which makes adding n of them quadratic: 50,000
 * take 150 s. Spread over 1024 metrics they take less than one. It stays small because routing daemons read a metric's
 * top byte as a distance, and depends on nothing but the prefix so that a restart or a change of the network rewrites
 * no route. IPv6 has no such bucket and keeps the kernel's default.
 */
export function routeMetric(family: Family, destination: Prefix): number {
  if (family === 'ipv6') return IPV6_DEFAULT_METRIC;
  let hash = 0x811c9dc5;
  for (let i = 0; i < destination.length; i += 1) hash = Math.imul(hash ^ destination.charCodeAt(i), 0x01000193);
  // FNV's low bits mix poorly for short inputs that end alike ("…0/24"): fold the high ones in.
  hash ^= hash >>> 15;
  // Of a power of two, so that no number out of 32 bits arises, for which the engine would keep an object at each route.
  return 1 + (hash & (METRIC_BUCKETS - 1));
}
