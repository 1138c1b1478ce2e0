import { FAMILIES } from '@overlay/core';
import type { Address, Lease, NetConf } from '@overlay/core';
import type { Adjacency } from '../adjacency/adjacency.js';
import type { LinuxObject, RouteObject } from '../kinds/objects.js';
import type { NetworkContext, PeerPlan } from './design.js';

const NONE: readonly LinuxObject[] = [];

/** What direct routes are made with. */
export interface DirectRoutesInit {
  readonly netConf: NetConf;
  readonly adjacency: Adjacency;
  readonly route: (route: Pick<RouteObject, 'destination' | 'link' | 'gateway' | 'onlink'>) => RouteObject;
}

/** Reaches a peer by a route straight to it, in each family that both have, as long as it is on this link. */
export function directRoutes(init: DirectRoutesInit, lease: Lease, { host, lease: own }: NetworkContext): PeerPlan {
  let objects = NONE;
  const problems: string[] = [];
  let undecided = false;
  for (const family of FAMILIES) {
    const destination = lease.subnets[family];
    if (!init.netConf[family] || !destination || !own.subnets[family] || !host[family]) continue;
    const gateway = lease.attributes[family]?.publicIP;
    if (gateway === undefined) {
      problems.push(`it publishes no ${family} address`);
      continue;
    }
    const verdict = init.adjacency.verdict(gateway, host);
    if (verdict?.direct) {
      const route = init.route({ destination, link: host.interface.name, gateway, onlink: false });
      // Not by pushing: a list that grew has room for 17, and this one is kept for each peer.
      objects = objects === NONE ? [route] : [...objects, route];
    } else if (verdict?.reason !== undefined) {
      problems.push(verdict.reason);
    } else {
      undecided = true;
    }
  }
  if (problems.length === 0 && !undecided) return { objects };
  return {
    objects,
    ...(problems.length > 0 && { problem: problems.join('; ') }),
    ...(undecided && { undecided }),
  };
}

/** The addresses to which a peer's direct routes lead. */
export function directAddresses({ attributes: { ipv4, ipv6 } }: Lease): readonly Address[] {
  if (ipv4 && ipv6) return [ipv4.publicIP, ipv6.publicIP];
  return ipv4 ? [ipv4.publicIP] : ipv6 ? [ipv6.publicIP] : [];
}
