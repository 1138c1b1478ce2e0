import type { AcquireRequest, Family, FamilyConf, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, pickSubnet, prefixesOverlap, subnetFits } from '@overlay/core';

/** What is known of subnets that are in use when a host asks for some. */
export interface Occupancy {
  /** Subnets that others hold. */
  readonly held: readonly PerFamily<Prefix>[];
  /** Subnets of leases that have ended, in the order in which they may be given to somebody else. */
  readonly ended: readonly PerFamily<Prefix>[];
  /** Subnets that others are about to take, or not to. */
  readonly claimed: readonly PerFamily<Prefix>[];
}

/** Which subnets to try. */
export type Plan =
  | { readonly kind: 'subnets'; readonly subnets: PerFamily<Prefix> }
  /** What is left may be free in a moment. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'full'; readonly family: Family; readonly held: number };

/**
 * Chooses subnets for a host, each family by itself: what it has if that fits, else what it had before (`wanted`), else
 * one that nobody ever had as far as the directory knows, else that of the lease which ended longest ago.
 */
export function planSubnets(request: AcquireRequest, own: PerFamily<Prefix> | undefined, occupancy: Occupancy): Plan {
  const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
  for (const family of FAMILIES) {
    const conf = request.netConf[family];
    if (conf === undefined) continue;
    const held = of(occupancy.held, family);
    const claimed = of(occupancy.claimed, family);
    const previous = own?.[family];
    const wanted = request.wanted?.[family];
    if (previous !== undefined && subnetFits(conf, previous)) {
      subnets[family] = previous;
    } else if (wanted !== undefined && subnetFits(conf, wanted) && !overlapsAny(wanted, [...held, ...claimed])) {
      subnets[family] = wanted;
    } else {
      const ended = of(occupancy.ended, family);
      const picked = pickAmong(conf, [...held, ...claimed], ended, request.hostId);
      if (picked !== undefined) {
        subnets[family] = picked;
      } else if (pickSubnet(conf, held, request.hostId) !== undefined) {
        return { kind: 'busy' };
      } else {
        return { kind: 'full', family, held: held.length };
      }
    }
  }
  return { kind: 'subnets', subnets };
}

function pickAmong(
  conf: FamilyConf,
  taken: readonly Prefix[],
  ended: readonly Prefix[],
  seed: string,
): Prefix | undefined {
  const spared = ended.filter((subnet) => overlapsAny(subnet, [conf.network]));
  for (let released = 0; released <= spared.length; released++) {
    const picked = pickSubnet(conf, [...taken, ...spared.slice(released)], seed);
    if (picked !== undefined) return picked;
  }
  return undefined;
}

function of(all: readonly PerFamily<Prefix>[], family: Family): Prefix[] {
  return all.map((subnets) => subnets[family]).filter((subnet) => subnet !== undefined);
}

function overlapsAny(subnet: Prefix, others: readonly Prefix[]): boolean {
  return others.some((other) => prefixesOverlap(subnet, other));
}
