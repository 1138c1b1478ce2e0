/** RTN_* of linux/rtnetlink.h. */
export type RouteType =
  'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw';

const TYPES: readonly (RouteType | undefined)[] = [
  undefined,
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];

/** RT_SCOPE_*: how far away a destination, or how widely an address, is valid. */
export type RouteScope = 'universe' | 'site' | 'link' | 'host' | 'nowhere';

const SCOPES = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** The name of a route's type; one without a name stays a number. */
export function typeName(type: number): RouteType | number {
  return TYPES[type] ?? type;
}

/** The number of a route's type. */
export function typeNumber(type: RouteType | number): number {
  return typeof type === 'number' ? type : TYPES.indexOf(type);
}

/** The name of a scope; one without a name stays a number. */
export function scopeName(scope: number): RouteScope | number {
  switch (scope) {
    case 0:
      return 'universe';
    case 200:
      return 'site';
    case 253:
      return 'link';
    case 254:
      return 'host';
    case 255:
      return 'nowhere';
    default:
      return scope;
  }
}

/** The number of a scope. */
export function scopeNumber(scope: RouteScope | number): number {
  return typeof scope === 'number' ? scope : SCOPES[scope];
}

/** Routing protocol numbers (RTPROT_*): who made a route. */
export const RouteProtocol = { unspecified: 0, redirect: 1, kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 } as const;

/** Routing tables that every host has (RT_TABLE_*). */
export const RouteTable = { unspecified: 0, default: 253, main: 254, local: 255 } as const;
