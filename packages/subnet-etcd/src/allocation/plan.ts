import type { AcquireRequest, Family, Prefix, PerFamily } from '@overlay/core';
import { FAMILIES, formatLeaseKey, pickSubnet, prefixesOverlap, subnetFits } from '@overlay/core';
import type { HostRecord } from '../store/host-record.js';
import { speaksOf } from '../store/host-record.js';
import type { LeaseBook } from '../store/lease-book.js';
import type { LeaseRecord } from '../store/lease-record.js';

/** What to do for a host that asks for a lease. */
export type Plan =
  | {
      readonly kind: 'lease';
      readonly name: string;
      readonly subnets: PerFamily<Prefix>;
      /** The lease that it has, under this name or another, which then has to go. */
      readonly own?: LeaseRecord;
    }
  | { readonly kind: 'full'; readonly family: Family; readonly held: number };

/**
 * The lease that a host has already: the one that its identity names, else the one with its public address. That is how
 * flannel finds it; for a host that was made anew, it is all that is left of the old one.
 */
export function findOwn({ hostId, attributes }: AcquireRequest, book: LeaseBook): LeaseRecord | undefined {
  const host = book.host(hostId);
  const named = host && book.record(host.name);
  if (host !== undefined && named !== undefined && speaksOf(host, named)) return named;
  const family = attributes.ipv4 !== undefined ? 'ipv4' : 'ipv6';
  const address = attributes[family]?.publicIP;
  if (address === undefined) return undefined;
  let found: LeaseRecord | undefined;
  for (const record of book.records()) {
    // Looking for the text first spares reading thousands of values.
    if (!record.text.includes(`"${address}"`) || record.attributes?.[family]?.publicIP !== address) continue;
    // Hosts with IPv6 alone all publish the IPv4 address 0.0.0.0.
    if (family === 'ipv6' && record.attributes.ipv4 !== undefined) continue;
    if (found === undefined || record.modRevision > found.modRevision) found = record;
  }
  return found;
}

/**
 * Chooses subnets for a host, each family by itself: what it has, if that fits the configuration, else what it had
 * before, if nobody has that now, else a free one that follows from the seed.
 */
export function planLease(request: AcquireRequest, book: LeaseBook, seed: string): Plan {
  const own = findOwn(request, book);
  const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
  for (const family of FAMILIES) {
    const conf = request.netConf[family];
    if (conf === undefined) continue;
    const previous = own?.subnets[family];
    if (previous !== undefined && subnetFits(conf, previous)) {
      subnets[family] = previous;
      continue;
    }
    const taken: Prefix[] = [];
    for (const record of book.records()) {
      const subnet = record.subnets[family];
      if (record !== own && subnet !== undefined) taken.push(subnet);
    }
    const wanted = request.wanted?.[family];
    if (wanted !== undefined && subnetFits(conf, wanted) && !taken.some((other) => prefixesOverlap(other, wanted))) {
      subnets[family] = wanted;
      continue;
    }
    const picked = pickSubnet(conf, taken, seed);
    if (picked === undefined) return { kind: 'full', family, held: taken.length };
    subnets[family] = picked;
  }
  return { kind: 'lease', name: formatLeaseKey(subnets), subnets, ...(own && { own }) };
}

/** The hosts other than this one that say they hold the lease which it is about to take over. */
export function formerHolders(hostId: string, own: LeaseRecord, book: LeaseBook): HostRecord[] {
  return book.hostsOf(own.name).filter((host) => host.id !== hostId);
}
