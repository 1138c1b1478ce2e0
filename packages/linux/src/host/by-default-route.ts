import type { Family } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { familyName } from './describe.js';
import type { Attempt } from './host-on.js';
import { hostOn, missed } from './host-on.js';
import type { InterfaceSelection } from './options.js';
import type { DefaultRoute, HostSnapshot } from './snapshot.js';
import { isOverlayDevice } from './usable-address.js';

/**
 * The interface of the default route with the lowest metric that will do. For two families it is one interface that has
 * a default route in both. Of a multipath route each way is tried in order; those that the kernel does not use come
 * last, so that a lost carrier does not move the host to another interface and back.
 */
export function byDefaultRoute(snapshot: HostSnapshot, selection: InterfaceSelection): Attempt {
  const families = selection.families ?? firstWithRoute(snapshot);
  const ways = families.map((family) => ({ family, indexes: indexesOf(snapshot, family) }));
  const without = ways.filter(({ indexes }) => indexes.length === 0).map(({ family }) => familyName(family));
  if (ways.length === 0) return missed('there is no default route; name the interface with --iface');
  if (without.length > 0) {
    return missed(`there is no ${without.join(' and no ')} default route; name the interface with --iface`);
  }
  const common = (ways[0]?.indexes ?? []).filter((index) => ways.every(({ indexes }) => indexes.includes(index)));
  if (common.length === 0) {
    return missed('the IPv4 and IPv6 default routes leave by different interfaces; name one with --iface');
  }
  let firstMiss: string | undefined;
  for (const index of common) {
    const link = snapshot.links.find((candidate) => candidate.index === index);
    if (link === undefined || isOverlayDevice(link)) continue;
    const attempt = hostOn(snapshot, selection, link);
    if (attempt.host !== undefined) return attempt;
    firstMiss ??= attempt.miss;
  }
  return missed(`default route: ${firstMiss ?? 'it leaves by no interface that can carry the overlay'}`);
}

/** When the families are open, IPv4 decides and IPv6 joins in if the interface has it. */
function firstWithRoute(snapshot: HostSnapshot): readonly Family[] {
  const first = FAMILIES.find((family) => snapshot.defaultRoutes.some((route) => route.family === family));
  return first === undefined ? [] : [first];
}

function indexesOf(snapshot: HostSnapshot, family: Family): readonly number[] {
  const routes = snapshot.defaultRoutes.filter((route) => route.family === family).sort((a, b) => a.metric - b.metric); // stable: equal metrics stay in the kernel's order
  const nexthops = routes.flatMap(({ nexthops: all }: DefaultRoute) => [
    ...all.filter(({ dead }) => !dead),
    ...all.filter(({ dead }) => dead),
  ]);
  return [...new Set(nexthops.map(({ index }) => index))];
}
