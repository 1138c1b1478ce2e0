import type { KernelEvents } from '../kernel/events.js';
import { MessageType } from '../netlink/protocol.js';
import { decodeAddress } from '../netlink/rtnetlink/address.js';
import { RouteTable } from '../netlink/rtnetlink/route-names.js';
import { decodeRoute } from '../netlink/rtnetlink/route.js';
import type { Route } from '../netlink/rtnetlink/route.js';
import { deleteRoute, dumpRoutes, newRoute } from '../netlink/rtnetlink/route-requests.js';
import { addressHash } from '../netlink/rtnetlink/match.js';
import type { Kind, Outcome } from '../reconciler/kind.js';
import type { NetlinkMessage } from '../netlink/message.js';
import type { BatchContext } from './batch.js';
import { routeObjectKey } from './keys.js';
import type { RouteObject } from './objects.js';
import { isOnlinkRefusal, replaceOnlink } from './onlink-replacement.js';
import { routeBreadth, routeShadow } from './route-shadow.js';
import type { RouteMarks } from './route-shadow.js';
import { RouteSighting } from './route-sighting.js';
import { linkDown } from './on-link.js';
import { rtnetlinkKind } from './rtnetlink-kind.js';

/** Unicast routes of the main table. */
export function routeKind(context: BatchContext, events: KernelEvents, options: RouteMarks): Kind<RouteObject> {
  const { links } = context;
  const linkName = (index: number | undefined): string =>
    index === undefined ? '' : (links.byIndex(index)?.name ?? '');
  const read = (message: NetlinkMessage): RouteObject | undefined => {
    const found = decodeRoute(message);
    return found && isOurTable(found) ? toObject(found, linkName(found.outIndex)) : undefined;
  };
  const kind = rtnetlinkKind<RouteObject>(context, events, {
    name: 'route',
    rank: 5,
    key: routeObjectKey,
    index: {
      hash: ({ destination }) => addressHash(destination),
      sameKey: (a, b) => a.metric === b.metric && a.destination === b.destination,
    },
    same: sameRoute,
    satisfies: sameRoute,
    breadth: routeBreadth,
    shadows: (actual) => routeShadow(actual, options),
    types: { present: MessageType.newRoute, gone: MessageType.deleteRoute },
    read: (message) => {
      const object = read(message);
      return object && { object, counts: true };
    },
    sighting: () => new RouteSighting(linkName, read),
    dumps: (outIndex) =>
      (['ipv4', 'ipv6'] as const).map((family) =>
        dumpRoutes({ family, table: RouteTable.main, ...(outIndex === undefined ? {} : { outIndex }) }),
      ),
    encodePut: ({ destination, gateway, onlink, metric, protocol, prefSrc }, outIndex, room) =>
      newRoute({ destination, outIndex, gateway, onlink, metric, protocol, prefSrc }, 'upsert', room),
    encodeRemove: ({ destination, gateway, metric, protocol }, outIndex, room) =>
      deleteRoute({ destination, outIndex, gateway, metric, protocol }, room),
    // Losing an address takes the routes with it that need it, without a word.
    suspects: (message) => {
      if (message.type !== MessageType.newAddress && message.type !== MessageType.deleteAddress) return undefined;
      const index = decodeAddress(message)?.index;
      return index === undefined ? undefined : links.byIndex(index)?.name;
    },
  });
  return { ...kind, put: (wanted, signal) => putRoutes(kind, context, wanted, signal) };
}

/**
 * Writes routes. Those on a device that is down wait for it: the kernel takes none of them (ENETDOWN), and there may be
 * 50,000. Those that it refuses for what is in their place are written in steps.
 */
async function putRoutes(
  kind: Kind<RouteObject>,
  context: BatchContext,
  wanted: readonly RouteObject[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const { links } = context;
  if (!links.isReady) await links.ready();
  const down = new Set<string>();
  for (const { name, up } of links.all()) if (!up) down.add(name);
  if (!wanted.some(({ link }) => down.has(link))) return putUpRoutes(kind, context, wanted, signal);
  const outcomes = wanted.map(({ link }) => (down.has(link) ? linkDown(link) : undefined));
  const rest = wanted.flatMap(({ link }, at) => (down.has(link) ? [] : [at]));
  if (rest.length === 0) return outcomes;
  const answers = await putUpRoutes(
    kind,
    context,
    wanted.filter(({ link }) => !down.has(link)),
    signal,
  );
  rest.forEach((at, which) => (outcomes[at] = answers[which]));
  return outcomes;
}

async function putUpRoutes(
  kind: Kind<RouteObject>,
  context: BatchContext,
  wanted: readonly RouteObject[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const outcomes = await kind.put(wanted, signal);
  const again = wanted.flatMap((route, at) => (isOnlinkRefusal(route, outcomes[at]) ? [{ route, at }] : []));
  if (again.length === 0) return outcomes;
  const routes = again.map(({ route }) => route);
  const answers = await replaceOnlink(context, routes, signal);
  const final = [...outcomes];
  again.forEach(({ at }, which) => (final[at] = answers[which]));
  return final;
}

function isOurTable(route: Route): boolean {
  return route.table === RouteTable.main && route.tos === 0 && !route.cloned && route.source === undefined;
}

function toObject(route: Route, link: string): RouteObject {
  // A multipath, blackhole or nexthop-object route has no device of its own, and is never what we want.
  const plain = route.type === 'unicast' && route.multipath === undefined && route.nexthopId === undefined;
  return {
    kind: 'route',
    destination: route.destination,
    link: plain ? link : '',
    onlink: route.onlink,
    metric: route.metric,
    protocol: route.protocol,
    ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
    ...(route.prefSrc === undefined ? {} : { prefSrc: route.prefSrc }),
  };
}

function sameRoute(a: RouteObject, b: RouteObject): boolean {
  return (
    a.link === b.link &&
    a.gateway === b.gateway &&
    a.onlink === b.onlink &&
    a.protocol === b.protocol &&
    a.prefSrc === b.prefSrc
  );
}
