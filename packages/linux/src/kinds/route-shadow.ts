import { addressBits, addressFamily, makePrefix, networkAddress, prefixLength } from '@overlay/core';
import type { Family, Prefix } from '@overlay/core';
import type { Shadow } from '../reconciler/kind.js';
import { PROTOCOL_BOOT } from './objects.js';
import type { RouteObject } from './objects.js';

/** How our routes are told from others. */
export interface RouteMarks {
  /** The protocol numbers that our routes have, or had in an earlier run. */
  readonly protocols: ReadonlySet<number>;
  readonly metric: (destination: Prefix) => number;
}

/** The numbers of breadths begin here for each family. */
const FIRST_BREADTH: Readonly<Record<Family, number>> = { ipv4: 0, ipv6: addressBits('ipv4') + 1 };

/** A number for the family and the prefix length of a route. */
export function routeBreadth({ destination }: RouteObject): number {
  return FIRST_BREADTH[addressFamily(destination)] + prefixLength(destination);
}

/**
 * How a foreign route takes traffic from ours, whatever its type: to the same destination with a smaller metric, or to a
 * part of ours, where the longest prefix goes first and metrics do not matter (RFC 1812, section 5.2.4.3). With the same
 * metric, as IPv6 gives it to whoever asks for none, it has the very place of ours, which to write would overwrite it.
 */
export function routeShadow(actual: RouteObject, marks: RouteMarks): Shadow<RouteObject> | undefined {
  if (marks.protocols.has(actual.protocol)) return undefined;
  return {
    ...(actual.metric === marks.metric(actual.destination)
      ? { keeps: (wanted: RouteObject) => !isFlannelShape(actual, wanted) }
      : {}),
    candidates: (breadths) => candidates(actual, marks, breadths),
    message: (wanted) => message(actual, wanted),
  };
}

/** Whether it is what flanneld makes in the place of ours, which takes it over. */
function isFlannelShape(actual: RouteObject, wanted: RouteObject): boolean {
  return actual.protocol === PROTOCOL_BOOT && actual.link === wanted.link && actual.gateway === wanted.gateway;
}

/** Of several that hold the destination the narrowest has the traffic, so it comes first. */
function* candidates(actual: RouteObject, { metric }: RouteMarks, breadths: Iterable<number>): Iterable<RouteObject> {
  const { destination } = actual;
  const ours = metric(destination);
  if (actual.metric <= ours) yield { ...actual, metric: ours };
  const first = FIRST_BREADTH[addressFamily(destination)];
  const length = prefixLength(destination);
  const wider = [...breadths].map((breadth) => breadth - first).filter((bits) => bits >= 0 && bits < length);
  for (const bits of wider.sort((a, b) => b - a)) {
    const around = makePrefix(networkAddress(destination), bits);
    yield { ...actual, destination: around, metric: metric(around) };
  }
}

function message(actual: RouteObject, wanted: RouteObject): string {
  const { destination, gateway, link, protocol, metric } = actual;
  const way = `${gateway === undefined ? '' : ` via ${gateway}`}${link ? ` dev ${link}` : ''}`;
  const harm =
    destination === wanted.destination
      ? metric === wanted.metric
        ? 'has the place of ours'
        : 'goes before ours'
      : `takes its part of the traffic of ours to ${wanted.destination}`;
  return (
    `a foreign route to ${destination}${way} (protocol ${protocol}, metric ${metric}) ${harm}; ` +
    `if nobody needs it: ip route del ${destination}${way} metric ${metric}`
  );
}
