import type { Address, Family, Prefix } from '@overlay/core';
import { formatAddress } from '@overlay/core';
import type { NetlinkMessage } from '../message.js';
import { readU16, readU32 } from '../message.js';
import { AddressFamily } from '../protocol.js';
import { AttributeReader } from './attributes.js';
import type { RouteScope, RouteType } from './route-names.js';
import { scopeName, typeName } from './route-names.js';

/** Bytes of struct rtmsg (linux/rtnetlink.h). */
export const ROUTE_FIXED = 12;

/** RTA_* of linux/rtnetlink.h. */
export const RouteAttribute = {
  destination: 1,
  source: 2,
  iif: 3,
  oif: 4,
  gateway: 5,
  metric: 6,
  prefSrc: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  mark: 16,
  via: 18,
  expires: 23,
  nexthopId: 30,
} as const;
/** RTAX_MTU, inside RTA_METRICS. */
export const METRIC_MTU = 2;

/** RTNH_F_*: flags of a nexthop, and of a route with one. */
export const NexthopFlag = { dead: 1, onlink: 4, offload: 8, linkDown: 16 } as const;
/** RTM_F_*: flags of a route, above those of its nexthop. */
export const RouteFlag = { cloned: 0x200, lookupTable: 0x1000, fibMatch: 0x2000 } as const;

/** One of the ways of a multipath route. */
export interface Nexthop {
  /** May be of the other family: an IPv4 route through an IPv6 neighbour (RFC 5549). */
  readonly gateway?: Address;
  readonly outIndex: number;
  /** Share of the traffic, 1 to 256. */
  readonly weight: number;
  readonly onlink: boolean;
  readonly dead: boolean;
  readonly linkDown: boolean;
}

/** A route. Its key in the kernel is family, table, destination, tos (IPv4) and metric. */
export interface Route {
  readonly family: Family;
  readonly table: number;
  readonly destination: Prefix;
  readonly tos: number;
  /** Priority; less is better. IPv6 routes sent with 0 are read back with 1024. */
  readonly metric: number;
  /** Who made it: `RouteProtocol`, or another number. */
  readonly protocol: number;
  readonly type: RouteType | number;
  readonly scope: RouteScope | number;
  /** May be of the other family: an IPv4 route through an IPv6 neighbour (RFC 5549). */
  readonly gateway?: Address;
  /** Index of the device it leaves by; absent for multipath and blackhole routes. */
  readonly outIndex?: number;
  /** The source address for packets that have none yet. */
  readonly prefSrc?: Address;
  /** The source prefix it is for (IPv6). */
  readonly source?: Prefix;
  /** Path MTU, bytes. */
  readonly mtu?: number;
  readonly multipath?: readonly Nexthop[];
  /** The nexthop object that it uses. */
  readonly nexthopId?: number;
  /** The gateway counts as on the link whatever the addresses say. */
  readonly onlink: boolean;
  readonly dead: boolean;
  /** The device has no carrier. */
  readonly linkDown: boolean;
  /** A cache entry, or the answer to a lookup. */
  readonly cloned: boolean;
  /** Seconds left; absent for ever. */
  readonly expiresSeconds?: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for other families than IPv4 and IPv6 (multicast routing, MPLS). */
export function decodeRoute({ buffer, start, end }: NetlinkMessage): Route | undefined {
  const number = buffer[start];
  if (number !== AddressFamily.ipv4 && number !== AddressFamily.ipv6) return undefined;
  const family = number === AddressFamily.ipv4 ? 'ipv4' : 'ipv6';
  const flags = readU32(buffer, start + 8);
  const length = buffer[start + 1];
  const route: Mutable<Route> = {
    family,
    table: buffer[start + 4],
    destination: `${family === 'ipv4' ? '0.0.0.0' : '::'}/${length}` as Prefix,
    tos: buffer[start + 3],
    metric: 0,
    protocol: buffer[start + 5],
    type: typeName(buffer[start + 7]),
    scope: scopeName(buffer[start + 6]),
    gateway: undefined,
    outIndex: undefined,
    prefSrc: undefined,
    source: undefined,
    mtu: undefined,
    multipath: undefined,
    nexthopId: undefined,
    onlink: (flags & NexthopFlag.onlink) !== 0,
    dead: (flags & NexthopFlag.dead) !== 0,
    linkDown: (flags & NexthopFlag.linkDown) !== 0,
    cloned: (flags & RouteFlag.cloned) !== 0,
    expiresSeconds: undefined,
  };
  const reader = new AttributeReader(buffer, start + ROUTE_FIXED, end);
  while (reader.next()) {
    switch (reader.type) {
      case RouteAttribute.destination:
        route.destination = `${reader.address()}/${length}` as Prefix;
        break;
      case RouteAttribute.source:
        route.source = `${reader.address()}/${buffer[start + 2]}` as Prefix;
        break;
      case RouteAttribute.oif:
        route.outIndex = reader.u32();
        break;
      case RouteAttribute.gateway:
        route.gateway = reader.address();
        break;
      case RouteAttribute.via:
        route.gateway = readVia(reader);
        break;
      case RouteAttribute.metric:
        route.metric = reader.u32();
        break;
      case RouteAttribute.prefSrc:
        route.prefSrc = reader.address();
        break;
      case RouteAttribute.metrics:
        route.mtu = readMtu(reader.nested());
        break;
      case RouteAttribute.multipath:
        route.multipath = readMultipath(reader);
        break;
      case RouteAttribute.table:
        route.table = reader.u32();
        break;
      case RouteAttribute.nexthopId:
        route.nexthopId = reader.u32();
        break;
      case RouteAttribute.expires:
        route.expiresSeconds = reader.u32();
        break;
    }
  }
  return route;
}

/** struct rtvia: a family, then an address of that family. */
function readVia(reader: AttributeReader): Address | undefined {
  const length = reader.length - 2;
  return length === 4 || length === 16 ? formatAddress(reader.buffer, reader.start + 2, length) : undefined;
}

function readMtu(metrics: AttributeReader): number | undefined {
  while (metrics.next()) if (metrics.type === METRIC_MTU) return metrics.u32();
  return undefined;
}

/** struct rtnexthop in a row: length, flags, hops, device; then attributes. */
function readMultipath({ buffer, start, length }: AttributeReader): Nexthop[] {
  const nexthops: Nexthop[] = [];
  const end = start + length;
  for (let at = start; at + 8 <= end;) {
    const size = readU16(buffer, at);
    if (size < 8 || at + size > end) break;
    const flags = buffer[at + 2];
    let gateway: Address | undefined;
    const reader = new AttributeReader(buffer, at + 8, at + size);
    while (reader.next()) {
      if (reader.type === RouteAttribute.gateway) gateway = reader.address();
      else if (reader.type === RouteAttribute.via) gateway = readVia(reader);
    }
    nexthops.push({
      ...(gateway === undefined ? {} : { gateway }),
      outIndex: readU32(buffer, at + 4),
      weight: buffer[at + 3] + 1,
      onlink: (flags & NexthopFlag.onlink) !== 0,
      dead: (flags & NexthopFlag.dead) !== 0,
      linkDown: (flags & NexthopFlag.linkDown) !== 0,
    });
    at += (size + 3) & ~3;
  }
  return nexthops;
}
