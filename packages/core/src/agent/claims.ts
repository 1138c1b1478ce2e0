import type { Backend } from '../backend.js';
import { leaseAs } from '../endpoints.js';
import type { Lease } from '../lease.js';

/** What a lease claims by any of its endpoints, as the backends in use read them. */
export function claimsOf(lease: Lease, backends: readonly Backend[]): readonly string[] {
  const claims = backends.flatMap((backend) => {
    const view = leaseAs(lease, backend);
    return view === undefined ? [] : (backend.claims?.(view) ?? []);
  });
  return backends.length > 1 ? [...new Set(claims)] : claims;
}
