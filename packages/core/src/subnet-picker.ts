import type { Prefix } from './address/index.js';
import {
  addressFamily,
  lastAddress,
  makePrefix,
  networkAddress,
  parsePrefix,
  prefixesOverlap,
  prefixLength,
  subnetAt,
  subnetCount,
  subnetIndex,
} from './address/index.js';
import { identityHash } from './identity-hash.js';
import type { FamilyConf } from './net-conf/index.js';

/**
 * IPv4 addresses within IPv6 (RFC 4291, section 2.5.5.2). A wide network may contain them; nothing may be routed there, and
 * flannel would write such a subnet into its key as one of IPv4.
 */
const MAPPED = parsePrefix('::ffff:0.0.0.0/96');

/** Subnet numbers from `low` to `high`, both included. */
interface Run {
  readonly low: bigint;
  readonly high: bigint;
}

/**
 * A free subnet of one family for a host, or undefined when all are taken.
 *
 * The place to begin is drawn from the host's identity, over all subnets from SubnetMin to SubnetMax; from there on the
 * first free one is taken, and after the last comes the first. So a host whose lease was lost most likely gets its
 * subnet again, hosts that start together seldom want the same one, and the whole range is really used. (Flannel draws
 * among the first hundred free ones, so hosts that start together collide.)
 *
 * The cost follows the number of taken subnets, never the size of the range. A store that loses a race calls again with
 * the loser among `taken`.
 *
 * @param taken what nothing may overlap: subnets of any length, inside or outside the range; the other family's are
 *   passed over
 * @param seed who asks, the same after a restart: the host's identity
 */
export function pickSubnet(conf: FamilyConf, taken: Iterable<Prefix>, seed: string): Prefix | undefined {
  const { subnetMin, subnetMax, subnetLen } = conf;
  const count = subnetCount(subnetMin, subnetMax, subnetLen);
  if (count === 0n) return undefined;
  const occupied = occupancy(conf, taken, count);
  const start = startingPoint(seed, count);
  return firstFree(conf, start, count, occupied) ?? firstFree(conf, 0n, start, occupied);
}

/** Whether a subnet is one that {@link pickSubnet} could give: of the configured length, from SubnetMin to SubnetMax. */
export function subnetFits(conf: FamilyConf, subnet: Prefix): boolean {
  if (addressFamily(subnet) !== addressFamily(conf.subnetMin) || prefixLength(subnet) !== conf.subnetLen) return false;
  if (isMapped(subnet)) return false;
  const index = subnetIndex(conf.subnetMin, conf.subnetLen, networkAddress(subnet));
  return index >= 0n && index < subnetCount(conf.subnetMin, conf.subnetMax, conf.subnetLen);
}

function isMapped(subnet: Prefix): boolean {
  return prefixLength(subnet) >= prefixLength(MAPPED) && prefixesOverlap(subnet, MAPPED);
}

/** Two words of hash: an IPv6 network can hold more subnets than one word counts. */
function startingPoint(seed: string, count: bigint): bigint {
  return ((identityHash(seed) << 64n) | identityHash(`${seed}\0`)) % count;
}

/** What is taken of a range. */
interface Occupied {
  /** Subnets of the configured length. Texts, not numbers: most leases come as such, and no arithmetic is needed. */
  readonly single: ReadonlySet<Prefix>;
  /** What shorter prefixes cover, by the lowest number. */
  readonly runs: readonly Run[];
}

function occupancy({ subnetMin, subnetLen }: FamilyConf, taken: Iterable<Prefix>, count: bigint): Occupied {
  const family = addressFamily(subnetMin);
  const single = new Set<Prefix>();
  const runs: Run[] = [];
  const note = (prefix: Prefix): void => {
    if (addressFamily(prefix) !== family) return;
    const length = prefixLength(prefix);
    if (length === subnetLen) {
      single.add(prefix);
    } else if (length > subnetLen) {
      single.add(makePrefix(networkAddress(prefix), subnetLen));
    } else {
      const low = subnetIndex(subnetMin, subnetLen, networkAddress(prefix));
      const high = subnetIndex(subnetMin, subnetLen, lastAddress(prefix));
      if (high >= 0n && low < count) runs.push({ low, high });
    }
  };
  for (const prefix of taken) note(prefix);
  if (subnetLen >= prefixLength(MAPPED)) note(MAPPED);
  runs.sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  return { single, runs };
}

/** The first subnet with a number in [from, end) that is not taken. */
function firstFree(conf: FamilyConf, from: bigint, end: bigint, { single, runs }: Occupied): Prefix | undefined {
  let at = from;
  let run = 0;
  while (at < end) {
    const next = runs[run];
    if (next !== undefined && next.low <= at) {
      if (next.high >= at) at = next.high + 1n;
      run++;
      continue;
    }
    const candidate = subnetAt(conf.subnetMin, conf.subnetLen, at);
    if (!single.has(candidate)) return candidate;
    at++;
  }
  return undefined;
}
