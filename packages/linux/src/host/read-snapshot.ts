import type { Address, Family } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { NetlinkError } from '../netlink/error.js';
import type { NetlinkMessage } from '../netlink/message.js';
import type { NetlinkPort } from '../netlink/port.js';
import { decodeAddress, dumpAddresses } from '../netlink/rtnetlink/address.js';
import { decodeLink, dumpLinks } from '../netlink/rtnetlink/link.js';
import { saysNoWay } from '../netlink/rtnetlink/no-way.js';
import { RouteTable } from '../netlink/rtnetlink/route-names.js';
import { dumpRoutes, lookupRoute } from '../netlink/rtnetlink/route-requests.js';
import type { Route } from '../netlink/rtnetlink/route.js';
import { decodeRoute } from '../netlink/rtnetlink/route.js';
import type { DefaultRoute, HostLink, HostLinkAddress, ReachAnswer } from './snapshot.js';

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** Reads all interfaces, in the order of their indexes. */
export async function readLinks(netlink: NetlinkPort, options: ReadOptions): Promise<readonly HostLink[]> {
  const links: HostLink[] = [];
  await netlink.dump(dumpLinks(), (message) => links.push(decodeLink(message)), options);
  // The kernel gives them in buckets of its hash; a choice that depended on that would change with their number.
  return links.sort((a, b) => a.index - b.index);
}

/** Reads all IPv4 and IPv6 addresses, those of an interface in the kernel's order. */
export async function readAddresses(netlink: NetlinkPort, options: ReadOptions): Promise<readonly HostLinkAddress[]> {
  const addresses: HostLinkAddress[] = [];
  await netlink.dump(
    dumpAddresses(),
    (message) => {
      const address = decodeAddress(message);
      if (address !== undefined) addresses.push(address);
    },
    options,
  );
  return addresses;
}

/**
 * Reads the default routes of table main. The kernel has no filter for them, so this reads the whole table; but only
 * default routes are decoded, because with many peers there are very many others.
 */
export async function readDefaultRoutes(
  netlink: NetlinkPort,
  families: readonly Family[] = FAMILIES,
  options: ReadOptions = {},
): Promise<readonly DefaultRoute[]> {
  const each = await Promise.all(families.map((family) => readDefaultRoutesOf(netlink, family, options)));
  return each.flat();
}

async function readDefaultRoutesOf(
  netlink: NetlinkPort,
  family: Family,
  options: ReadOptions,
): Promise<readonly DefaultRoute[]> {
  const routes: DefaultRoute[] = [];
  const take = (message: NetlinkMessage): void => {
    if (!isDefaultRoute(message)) return;
    const route = decodeRoute(message);
    // A kernel without IPv6 answers with the routes of every family that it has.
    if (route?.family === family && route.table === RouteTable.main && route.type === 'unicast') {
      routes.push(defaultRoute(route));
    }
  };
  try {
    await netlink.dump(dumpRoutes({ family, table: RouteTable.main }), take, options);
  } catch (error) {
    if (error instanceof NetlinkError && error.errnoName === 'ENOENT') return []; // a table without any route yet
    throw error;
  }
  return routes;
}

/** True for a route, or the change of one, to everywhere: its destination has no bits. Looks at one byte. */
export function isDefaultRoute({ buffer, start }: NetlinkMessage): boolean {
  return buffer[start + 1] === 0; // rtm_dst_len of struct rtmsg
}

function defaultRoute(route: Route): DefaultRoute {
  const { family, metric, protocol, multipath, outIndex, dead } = route;
  const single = outIndex === undefined ? [] : [{ index: outIndex, dead }];
  return {
    family,
    metric,
    protocol,
    nexthops: multipath?.map((hop) => ({ index: hop.outIndex, dead: hop.dead })) ?? single,
  };
}

/** Asks the kernel how it would send to an address. That there is no way is an answer, not an error. */
export async function readReach(netlink: NetlinkPort, target: Address, options: ReadOptions): Promise<ReachAnswer> {
  try {
    const route = decodeRoute(await netlink.query(lookupRoute({ destination: target }), options));
    if (route?.outIndex === undefined) return { problem: 'the kernel has no way to it' };
    if (route.type !== 'unicast' && route.type !== 'local') return { problem: `its route is of type ${route.type}` };
    return { index: route.outIndex, ...(route.prefSrc === undefined ? {} : { source: route.prefSrc }) };
  } catch (error) {
    if (saysNoWay(error)) return { problem: error.message };
    throw error;
  }
}
