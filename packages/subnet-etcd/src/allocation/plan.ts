import type { AcquireRequest, Family, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, formatLeaseKey, subnetFits } from '@overlay/core';
import type { Situation } from './situation.js';

/** What to do for a host that asks for a lease. */
export type Plan =
  | { readonly kind: 'lease'; readonly name: string; readonly subnets: PerFamily<Prefix> }
  | { readonly kind: 'full'; readonly family: Family; readonly held: number };

/**
 * Chooses subnets for a host, each family by itself: what it has, if that fits the configuration, else what it had
 * before, if nobody has that now, else a free one: that follows from the seed, or by chance without one.
 */
export function planLease({ netConf, wanted }: AcquireRequest, { own, occupancy }: Situation, seed?: string): Plan {
  const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
  for (const family of FAMILIES) {
    const conf = netConf[family];
    const pool = occupancy.of(family);
    if (conf === undefined || pool === undefined) continue;
    const [previous, want] = [own?.subnets[family], wanted?.[family]];
    if (previous !== undefined && subnetFits(conf, previous)) {
      subnets[family] = previous;
    } else if (want !== undefined && subnetFits(conf, want) && pool.isFree(want)) {
      subnets[family] = want;
    } else {
      const picked = seed === undefined ? pool.any() : pool.first(seed);
      if (picked === undefined) return { kind: 'full', family, held: pool.taken };
      subnets[family] = picked;
    }
  }
  return { kind: 'lease', name: formatLeaseKey(subnets), subnets };
}
