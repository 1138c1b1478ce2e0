import type { Address, Prefix } from '@overlay/core';
import { addressBits, addressFamily, makePrefix } from '@overlay/core';
import { deleteRoute, newRoute } from '../netlink/rtnetlink/route-requests.js';
import type { Outcome } from '../reconciler/kind.js';
import type { BatchContext } from './batch.js';
import type { RouteObject } from './objects.js';
import { linkMissing } from './on-link.js';

/** Smaller than that of any route of ours, so that the kernel finds it first. */
const STEP_METRIC = 1;

type OnlinkRoute = RouteObject & { readonly gateway: Address };

/**
 * Whether the kernel refused a route because its gateway is inside a prefix that is routed by another device at present,
 * which is the case when a tunnel's route is to take the place of another one: `ip6_route_check_nh_onlink` of
 * net/ipv6/route.c looks the gateway up. IPv4 has no such check.
 */
export function isOnlinkRefusal(route: RouteObject, outcome: Outcome): route is OnlinkRoute {
  if (outcome === undefined || !route.onlink || route.gateway === undefined) return false;
  return (
    (outcome as { readonly errnoName?: unknown }).errnoName === 'EINVAL' && addressFamily(route.gateway) === 'ipv6'
  );
}

/**
 * Puts such routes in the place of the ones that are there, without a moment in which there is none: a route to the
 * gateway alone, through the new device, is there for as long as the kernel takes for three messages of one send.
 */
export async function replaceOnlink(
  { session, links }: BatchContext,
  routes: readonly OnlinkRoute[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const messages: Uint8Array[] = [];
  /** Where the answer for each is found; or its outcome. */
  const replacing: (number | Outcome)[] = [];
  for (const { destination, link, gateway, onlink, metric, protocol, prefSrc } of routes) {
    const outIndex = links.byName(link)?.index;
    if (outIndex === undefined) {
      replacing.push(linkMissing(link));
      continue;
    }
    const step = { destination: hostPrefix(gateway), outIndex, metric: STEP_METRIC, protocol };
    replacing.push(messages.length + 1);
    messages.push(
      newRoute(step, 'create'),
      newRoute({ destination, outIndex, gateway, onlink, metric, protocol, ...(prefSrc && { prefSrc }) }, 'upsert'),
      deleteRoute(step),
    );
  }
  const failures = await session.send(messages, { signal });
  return replacing.map((at) => (typeof at === 'number' ? failures.get(at) : at));
}

function hostPrefix(address: Address): Prefix {
  return makePrefix(address, addressBits(addressFamily(address)));
}
