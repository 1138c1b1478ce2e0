import type { Address, Family } from '@overlay/core';
import type { InterfaceAddress } from '../netlink/rtnetlink/address.js';
import type { Link } from '../netlink/rtnetlink/link.js';

/*
 * What the choice looks at. These are parts of the decoded netlink objects, so that a table of cases can be written
 * without inventing the rest of them.
 */

/** A network interface. */
export type HostLink = Pick<Link, 'index' | 'name' | 'up' | 'lowerUp' | 'mtu' | 'broadcast' | 'pointToPoint' | 'alias'>;

/** An address on an interface. */
export type HostLinkAddress = Pick<
  InterfaceAddress,
  'family' | 'index' | 'address' | 'permanent' | 'temporary' | 'deprecated' | 'tentative' | 'dadFailed'
>;

/** One way out of a default route. */
export interface DefaultNexthop {
  readonly index: number;
  /** The kernel does not use it, because its interface is down (RTNH_F_DEAD). */
  readonly dead: boolean;
}

/** A default route of table main. */
export interface DefaultRoute {
  readonly family: Family;
  /** The lowest is used. */
  readonly metric: number;
  /** RTPROT_* of linux/rtnetlink.h: 9 is a router advertisement. */
  readonly protocol: number;
  /** More than one for a multipath route. */
  readonly nexthops: readonly DefaultNexthop[];
}

/** How the kernel would reach the address of `--iface-can-reach`, or why it cannot. */
export type ReachAnswer =
  { readonly index: number; readonly source?: Address; readonly problem?: undefined } | { readonly problem: string };

/** The host's interfaces as the kernel told them, each list in the kernel's order. */
export interface HostSnapshot {
  readonly links: readonly HostLink[];
  readonly addresses: readonly HostLinkAddress[];
  /** May be empty if the selection needs none. */
  readonly defaultRoutes: readonly DefaultRoute[];
  /** Present if the selection asks for it. */
  readonly reach?: ReachAnswer;
}
