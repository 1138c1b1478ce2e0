import type { Lease } from '../lease.js';

/**
 * How deep published data is compared. Deeper values are taken as different, which costs one needless update and no
 * stack overflow: the data comes from the cluster.
 */
const DEEPEST = 32;

/** Whether two versions of a lease mean the same to a network: all but `expiresAt`. */
export function sameLease(a: Lease, b: Lease): boolean {
  return a === b || (a.key === b.key && sameValue(a.subnets, b.subnets) && sameValue(a.attributes, b.attributes));
}

/** Equality of JSON values; a member that is undefined equals one that is absent. */
export function sameValue(a: unknown, b: unknown, depth = 0): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > DEEPEST) return false;
  if (Array.isArray(a) || Array.isArray(b)) return sameList(a, b, depth);
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  let members = 0;
  for (const name in left) {
    if (left[name] === undefined) continue;
    members++;
    if (!Object.hasOwn(right, name) || !sameValue(left[name], right[name], depth + 1)) return false;
  }
  for (const name in right) if (right[name] !== undefined) members--;
  return members === 0;
}

function sameList(a: object, b: object, depth: number): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((value, at) => sameValue(value, b[at], depth + 1));
}
