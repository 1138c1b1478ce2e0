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
  const pool = new SubnetPool(conf);
  for (const prefix of taken) pool.take(prefix);
  return pool.first(seed);
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

/** So often a subnet is drawn before all that are free are looked for. */
const DRAWS = 32;
/** The most subnets of which all are looked at. */
const MOST_LOOKED_AT = 4_096n;

/**
 * The subnets of one family from SubnetMin to SubnetMax, and what is taken of them: for who asks again and again while
 * others take more.
 */
export class SubnetPool {
  readonly #conf: FamilyConf;
  readonly #count: bigint;
  /** Subnets of the configured length. Texts, not numbers: most leases come as such, and no arithmetic is needed. */
  readonly #single = new Set<Prefix>();
  /** What shorter prefixes cover, by the lowest number. */
  readonly #runs: Run[] = [];
  #sorted = true;
  #taken = 0;

  constructor(conf: FamilyConf) {
    this.#conf = conf;
    this.#count = subnetCount(conf.subnetMin, conf.subnetMax, conf.subnetLen);
    if (conf.subnetLen >= prefixLength(MAPPED) && addressFamily(conf.subnetMin) === 'ipv6') this.#note(MAPPED);
  }

  /** How many prefixes of the family were taken, inside or outside the range. */
  get taken(): number {
    return this.#taken;
  }

  /** Nothing may overlap this any more: of any length, inside or outside the range; the other family's is passed over. */
  take(prefix: Prefix): void {
    if (addressFamily(prefix) !== addressFamily(this.#conf.subnetMin)) return;
    this.#taken++;
    this.#note(prefix);
  }

  /** Whether nothing that was taken overlaps a subnet that fits, as {@link subnetFits} says. */
  isFree(subnet: Prefix): boolean {
    if (this.#single.has(subnet)) return false;
    if (this.#runs.length === 0) return true;
    const { subnetMin, subnetLen } = this.#conf;
    const at = subnetIndex(subnetMin, subnetLen, networkAddress(subnet));
    return !this.#runs.some(({ low, high }) => low <= at && at <= high);
  }

  /** The free subnet that follows from a seed, as of {@link pickSubnet}. */
  first(seed: string): Prefix | undefined {
    if (this.#count === 0n) return undefined;
    return this.#firstFrom(startingPoint(seed, this.#count));
  }

  /**
   * A free subnet by chance, each as likely as any other: for who has lost one to somebody who was quicker. Taking the next
   * free one, those who have lost would meet again behind long rows of taken ones. In a range with many thousands of subnets
   * of which a few in a hundred are free, it is the first free one after a place drawn by chance.
   *
   * @param random from 0 up to, not including, 1
   */
  any(random: () => number = Math.random): Prefix | undefined {
    if (this.#count === 0n) return undefined;
    const { subnetMin, subnetLen } = this.#conf;
    const draw = (): bigint => {
      const drawn = BigInt(Math.floor(random() * Number(this.#count)));
      return drawn < this.#count ? drawn : this.#count - 1n;
    };
    for (let left = DRAWS; left > 0; left--) {
      const candidate = subnetAt(subnetMin, subnetLen, draw());
      if (this.isFree(candidate)) return candidate;
    }
    if (this.#count > MOST_LOOKED_AT) return this.#firstFrom(draw());
    const free: Prefix[] = [];
    for (let n = 0n; n < this.#count; n++) {
      const candidate = subnetAt(subnetMin, subnetLen, n);
      if (this.isFree(candidate)) free.push(candidate);
    }
    return free[Math.floor(random() * free.length)];
  }

  #note(prefix: Prefix): void {
    const { subnetMin, subnetLen } = this.#conf;
    const length = prefixLength(prefix);
    if (length === subnetLen) {
      this.#single.add(prefix);
    } else if (length > subnetLen) {
      this.#single.add(makePrefix(networkAddress(prefix), subnetLen));
    } else {
      const low = subnetIndex(subnetMin, subnetLen, networkAddress(prefix));
      const high = subnetIndex(subnetMin, subnetLen, lastAddress(prefix));
      if (high < 0n || low >= this.#count) return;
      this.#runs.push({ low, high });
      this.#sorted = false;
    }
  }

  #firstFrom(start: bigint): Prefix | undefined {
    if (!this.#sorted) this.#runs.sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
    this.#sorted = true;
    return this.#firstFree(start, this.#count) ?? this.#firstFree(0n, start);
  }

  /** The first subnet with a number in [from, end) that is not taken. */
  #firstFree(from: bigint, end: bigint): Prefix | undefined {
    const { subnetMin, subnetLen } = this.#conf;
    const runs = this.#runs;
    let at = from;
    let run = 0;
    while (at < end) {
      const next = runs[run];
      if (next !== undefined && next.low <= at) {
        if (next.high >= at) at = next.high + 1n;
        run++;
        continue;
      }
      const candidate = subnetAt(subnetMin, subnetLen, at);
      if (!this.#single.has(candidate)) return candidate;
      at++;
    }
    return undefined;
  }
}
