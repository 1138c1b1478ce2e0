import type { Address, Family, Prefix } from '@overlay/core';
import { addressBits, addressBytes, addressFamily } from '@overlay/core';
import { HEADER_BYTES } from '../message.js';
import type { Write } from '../protocol.js';
import { AddressFamily, MessageFlag, MessageType, writeFlags } from '../protocol.js';
import { MessageWriter } from './attributes.js';
import { prefixBits } from './match.js';
import type { MessageRoom } from './message-room.js';
import { METRIC_MTU, NexthopFlag, ROUTE_FIXED, RouteAttribute, RouteFlag } from './route.js';
import type { RouteScope, RouteType } from './route-names.js';
import { RouteProtocol, RouteTable, scopeNumber, typeNumber } from './route-names.js';

export interface NexthopSpec {
  readonly gateway?: Address;
  readonly outIndex?: number;
  /** 1 to 256; default 1. */
  readonly weight?: number;
  readonly onlink?: boolean;
}

/** A route to be made. */
export interface RouteSpec {
  readonly destination: Prefix;
  /** Default: main. */
  readonly table?: number;
  readonly tos?: number;
  /** Default: 0 in IPv4, 1024 in IPv6. */
  readonly metric?: number;
  /** Default: boot (3), as the kernel's other clients have it. */
  readonly protocol?: number;
  /** Default: unicast. */
  readonly type?: RouteType | number;
  /** IPv4; default as ip(8) chooses it: by type, and link for a unicast route without a gateway. */
  readonly scope?: RouteScope | number;
  readonly gateway?: Address;
  readonly outIndex?: number;
  readonly prefSrc?: Address;
  readonly source?: Prefix;
  readonly mtu?: number;
  readonly onlink?: boolean;
  readonly multipath?: readonly NexthopSpec[];
  readonly nexthopId?: number;
}

/**
 * Adds or changes a route. In IPv4 `upsert` replaces the route with the same destination, tos, table and metric, whatever
 * else it has, in one step. In IPv6 `upsert` replaces the first one with the same destination, table and metric; a route
 * through a gateway joins others of that key to a multipath route if it is added with `append`, or with `create` flags
 * but without `exclusive` (net/ipv6/ip6_fib.c).
 */
export function newRoute(spec: RouteSpec, write: Write, room?: MessageRoom): Uint8Array {
  const writer = begin(MessageType.newRoute, writeFlags(write), spec, room);
  writer.setU8(HEADER_BYTES + 5, spec.protocol ?? RouteProtocol.boot);
  writer.setU8(HEADER_BYTES + 6, scopeNumber(spec.scope ?? usualScope(spec)));
  writer.setU8(HEADER_BYTES + 7, typeNumber(spec.type ?? 'unicast'));
  writeAttributes(writer, spec);
  if (spec.prefSrc !== undefined) writer.address(RouteAttribute.prefSrc, spec.prefSrc);
  const { mtu } = spec;
  if (mtu !== undefined) writer.nest(RouteAttribute.metrics, () => writer.u32(METRIC_MTU, mtu));
  return writer.finish();
}

/** A route to be deleted: what is left out matches anything, so the first of several may go. */
export type RouteMatch = Omit<RouteSpec, 'mtu' | 'prefSrc'>;

/** Deletes a route; ESRCH if there is none. */
export function deleteRoute(match: RouteMatch, room?: MessageRoom): Uint8Array {
  const writer = begin(MessageType.deleteRoute, 0, match, room);
  if (match.protocol !== undefined) writer.setU8(HEADER_BYTES + 5, match.protocol);
  writer.setU8(HEADER_BYTES + 6, scopeNumber(match.scope ?? 'nowhere')); // nowhere: any, in a deletion
  if (match.type !== undefined) writer.setU8(HEADER_BYTES + 7, typeNumber(match.type));
  writeAttributes(writer, match);
  return writer.finish();
}

export interface RouteLookup {
  readonly destination: Address;
  /** The packet's source. */
  readonly source?: Address;
  /** Only through this device. */
  readonly outIndex?: number;
  readonly mark?: number;
  /** Give the route that matches, instead of what it comes to for this destination. */
  readonly fibMatch?: boolean;
}

/** Asks how a packet would go; ENETUNREACH or EHOSTUNREACH if it would not. For {@link NetlinkPort.query}. */
export function lookupRoute(lookup: RouteLookup): Uint8Array {
  const family = addressFamily(lookup.destination);
  const writer = new MessageWriter(MessageType.getRoute, 0, ROUTE_FIXED, 96);
  writer.setU8(HEADER_BYTES, AddressFamily[family]);
  writer.setU8(HEADER_BYTES + 1, addressBits(family));
  // IPv6 always tells the table, and refuses to be asked for it.
  const withTable = family === 'ipv4' ? RouteFlag.lookupTable : 0;
  writer.setU32(HEADER_BYTES + 8, withTable | (lookup.fibMatch ? RouteFlag.fibMatch : 0));
  writer.address(RouteAttribute.destination, lookup.destination);
  if (lookup.source !== undefined) {
    writer.setU8(HEADER_BYTES + 2, addressBits(family));
    writer.address(RouteAttribute.source, lookup.source);
  }
  if (lookup.outIndex !== undefined) writer.u32(RouteAttribute.oif, lookup.outIndex);
  if (lookup.mark !== undefined) writer.u32(RouteAttribute.mark, lookup.mark);
  return writer.finish();
}

export interface RouteFilter {
  readonly family?: Family;
  /** The kernel answers ENOENT for a table that has never had a route. */
  readonly table?: number;
  readonly protocol?: number;
  readonly type?: RouteType | number;
  readonly outIndex?: number;
}

/** Asks for all routes. The kernel applies the filter. Without a family every family it knows comes. */
export function dumpRoutes(filter: RouteFilter = {}): Uint8Array {
  const writer = new MessageWriter(MessageType.getRoute, MessageFlag.dump, ROUTE_FIXED, 48);
  if (filter.family !== undefined) writer.setU8(HEADER_BYTES, AddressFamily[filter.family]);
  if (filter.protocol !== undefined) writer.setU8(HEADER_BYTES + 5, filter.protocol);
  if (filter.type !== undefined) writer.setU8(HEADER_BYTES + 7, typeNumber(filter.type));
  if (filter.table !== undefined) writer.u32(RouteAttribute.table, filter.table);
  if (filter.outIndex !== undefined) writer.u32(RouteAttribute.oif, filter.outIndex);
  return writer.finish();
}

function begin(type: number, flags: number, route: RouteSpec, room?: MessageRoom): MessageWriter {
  const { destination, source, table = RouteTable.main } = route;
  const writer = new MessageWriter(type, flags, ROUTE_FIXED, 128, room);
  const bits = prefixBits(destination);
  writer.setU8(HEADER_BYTES, AddressFamily[addressFamily(destination)]);
  writer.setU8(HEADER_BYTES + 1, bits);
  writer.setU8(HEADER_BYTES + 3, route.tos ?? 0);
  if (table < 256) writer.setU8(HEADER_BYTES + 4, table);
  else writer.u32(RouteAttribute.table, table);
  if (bits > 0) writer.address(RouteAttribute.destination, destination);
  if (source !== undefined) {
    writer.setU8(HEADER_BYTES + 2, prefixBits(source));
    writer.address(RouteAttribute.source, source);
  }
  return writer;
}

function writeAttributes(writer: MessageWriter, route: RouteMatch): void {
  if (route.onlink) writer.setU32(HEADER_BYTES + 8, NexthopFlag.onlink);
  if (route.gateway !== undefined) writeGateway(writer, route.gateway, addressFamily(route.destination));
  if (route.outIndex !== undefined) writer.u32(RouteAttribute.oif, route.outIndex);
  if (route.metric !== undefined) writer.u32(RouteAttribute.metric, route.metric);
  if (route.nexthopId !== undefined) writer.u32(RouteAttribute.nexthopId, route.nexthopId);
  if (route.multipath !== undefined) writeMultipath(writer, route.multipath, addressFamily(route.destination));
}

function writeGateway(writer: MessageWriter, gateway: Address, family: Family): void {
  if (addressFamily(gateway) === family) {
    writer.address(RouteAttribute.gateway, gateway);
    return;
  }
  const bytes = addressBytes(gateway);
  const via = new Uint8Array(2 + bytes.length);
  via[0] = AddressFamily[addressFamily(gateway)];
  via.set(bytes, 2);
  writer.bytes(RouteAttribute.via, via);
}

function writeMultipath(writer: MessageWriter, nexthops: readonly NexthopSpec[], family: Family): void {
  writer.nest(RouteAttribute.multipath, () => {
    for (const { gateway, outIndex = 0, weight = 1, onlink = false } of nexthops) {
      const at = writer.raw(8);
      writer.setU8(at + 2, onlink ? NexthopFlag.onlink : 0);
      writer.setU8(at + 3, weight - 1);
      writer.setU32(at + 4, outIndex);
      if (gateway !== undefined) writeGateway(writer, gateway, family);
      writer.setU16(at, writer.length - at);
    }
  });
}

function usualScope(route: RouteSpec): RouteScope {
  if (addressFamily(route.destination) === 'ipv6') return 'universe';
  switch (route.type ?? 'unicast') {
    case 'local':
      return 'host';
    case 'broadcast':
    case 'multicast':
    case 'anycast':
      return 'link';
    case 'unicast': {
      const far = route.gateway !== undefined || route.multipath !== undefined || route.nexthopId !== undefined;
      return far ? 'universe' : 'link';
    }
    default:
      return 'universe';
  }
}
