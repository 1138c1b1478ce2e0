import type { Address, Family, Prefix } from '../address/index.js';
import {
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  prefixLength,
  tryParseAddress,
  tryParsePrefix,
} from '../address/index.js';
import { errorText } from '../errors.js';
import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import { quoted } from '../quoted.js';
import { addressBlock, blockContains, prefixBlock } from './block.js';
import type { LocalFacts } from './local-facts.js';
import { NAMES } from './local-facts.js';
import type { Occupancy } from './occupancy.js';
import type { Conflict, Hold } from './peer.js';
import { NO_CLAIMS } from './peer.js';
import type { ClaimsOf } from './types.js';

/** What leases are judged by. */
export interface Bench {
  readonly local: LocalFacts;
  readonly occupancy: Occupancy;
  readonly claimsOf: ClaimsOf;
  /** What this host's own lease claims. */
  readonly ownClaims: ReadonlySet<string>;
}

/** What may be passed on of a lease, and why the rest may not. */
export interface Verdict {
  /** The lease with the families that stand; the same object when all do and nothing else is in it. */
  readonly passed?: Lease;
  readonly claims: readonly string[];
  readonly hold?: Hold;
}

/**
 * The lengths that flannel's etcd keys can carry are 0 to 31 and 0 to 127 (its parser wants five and seven bits); 0 is
 * what it writes for "none".
 */
const LONGEST = { ipv4: 31, ipv6: 127 } as const;

/** Judges a lease, which nobody has checked: nothing in it makes this throw. */
export function judge(lease: Lease, bench: Bench): Verdict {
  const problem = shapeProblem(lease);
  if (problem !== undefined) return { claims: NO_CLAIMS, hold: { problem } };
  let hold: { ipv4?: string | Conflict; ipv6?: string | Conflict } | undefined;
  const standing: Family[] = [];
  let claims = NO_CLAIMS;
  for (const family of FAMILIES) {
    if (lease.subnets[family] === undefined) continue;
    const verdict = judgeFamily(lease, family, bench);
    if ('claims' in verdict) {
      standing.push(family);
      if (verdict.claims.length > 0) claims = claims.concat(verdict.claims);
    } else {
      hold = { ...hold, [family]: verdict.reason };
    }
  }
  return { passed: standing.length === 0 ? undefined : reducedTo(lease, standing), claims, hold };
}

/** The lease with nothing of other families; the same object when there is nothing. */
export function reducedTo(lease: Lease, families: readonly Family[]): Lease {
  if (FAMILIES.every((family) => families.includes(family) || !mentions(lease, family))) return lease;
  const subnets = { ...lease.subnets };
  const attributes = { ...lease.attributes };
  for (const family of FAMILIES) {
    if (families.includes(family)) continue;
    delete subnets[family];
    delete attributes[family];
  }
  return { ...lease, subnets, attributes };
}

function mentions(lease: Lease, family: Family): boolean {
  return lease.subnets[family] !== undefined || lease.attributes[family] !== undefined;
}

type FamilyVerdict = { readonly claims: readonly string[] } | { readonly reason: string | Conflict };

function judgeFamily(lease: Lease, family: Family, bench: Bench): FamilyVerdict {
  const { local, occupancy } = bench;
  const subnet: unknown = lease.subnets[family];
  const reason = local.familyProblem(family) ?? subnetTextProblem(subnet, family);
  if (reason !== undefined) return { reason };
  const subnetBlock = prefixBlock(subnet as Prefix);
  const wrong = local.subnetProblem(family, subnet as Prefix, subnetBlock) ?? endpointProblem(lease, family);
  if (wrong !== undefined) return { reason: wrong };
  const publicIP = (lease.attributes[family] as { publicIP: Address }).publicIP;
  const addressOnly = addressBlock(publicIP);
  const misplaced = blockContains(subnetBlock, addressOnly)
    ? `subnet ${subnet as Prefix} contains the lease's own public IP ${publicIP}`
    : local.publicIPProblem(family, publicIP, addressOnly);
  if (misplaced !== undefined) return { reason: misplaced };
  const claims = readClaims(lease, family, bench.claimsOf);
  if (typeof claims === 'string') return { reason: claims };
  const ours = claims.find((claim) => bench.ownClaims.has(claim));
  if (ours !== undefined) return { reason: `claims ${quoted(ours)}, taken by this host` };
  const conflict = occupancy.conflict(family, subnetBlock, addressOnly, claims);
  return conflict ? { reason: conflict } : { claims };
}

/** What the lease claims in one family; a text when that cannot be told. */
export function readClaims(lease: Lease, family: Family, claimsOf: ClaimsOf): readonly string[] | string {
  try {
    return claimsOf(reducedTo(lease, [family]));
  } catch (error) {
    return `what it publishes for ${NAMES[family]} cannot be read: ${errorText(error)}`;
  }
}

function shapeProblem(lease: Lease): string | undefined {
  const { subnets, attributes } = lease as { subnets: unknown; attributes: unknown };
  if (!isObject(subnets)) return 'the lease has no subnets';
  if (!isObject(attributes)) return 'the lease has no attributes';
  if (typeof attributes['backendType'] !== 'string') return 'the lease does not say for which backend it is';
  return FAMILIES.some((family) => subnets[family] !== undefined) ? undefined : 'the lease has no subnets';
}

function subnetTextProblem(subnet: unknown, family: Family): string | undefined {
  const prefix = typeof subnet === 'string' ? tryParsePrefix(subnet, family) : undefined;
  if (prefix === undefined) return `subnet ${shown(subnet)} is not an ${NAMES[family]} prefix`;
  if (prefix !== subnet) return `subnet ${shown(subnet)} is not written as ${prefix}`;
  const length = prefixLength(prefix);
  if (length > 0 && length <= LONGEST[family]) return undefined;
  return `subnet ${prefix} cannot be a host's: expected a prefix length from 1 to ${LONGEST[family]}`;
}

function endpointProblem(lease: Lease, family: Family): string | undefined {
  const endpoint: unknown = lease.attributes[family];
  const publicIP = isObject(endpoint) ? endpoint['publicIP'] : undefined;
  if (publicIP === undefined || publicIP === null) return `no public IP is published for ${NAMES[family]}`;
  const address = typeof publicIP === 'string' ? tryParseAddress(publicIP, family) : undefined;
  if (address === undefined) return `public IP ${shown(publicIP)} is not an ${NAMES[family]} address`;
  if (address !== publicIP) return `public IP ${shown(publicIP)} is not written as ${address}`;
  const kind = unusableKind(address, family);
  return kind === undefined ? undefined : `public IP ${address} is ${kind}: no host can be reached there`;
}

function unusableKind(address: Address, family: Family): string | undefined {
  if (isUnspecified(address)) return 'the unspecified address';
  if (isLoopback(address)) return 'a loopback address';
  if (isMulticast(address)) return 'a multicast address';
  if (address === '255.255.255.255') return 'the broadcast address';
  // IPv6 link-local addresses stay: hosts on one link may well use them, by the interface that they share.
  if (family === 'ipv4' && isLinkLocal(address)) return 'a link-local address';
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A foreign value in a message. Anything but a text is named by its type: it may be as large as one likes. */
function shown(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : value === null ? 'null' : `of type ${typeof value}`;
}
