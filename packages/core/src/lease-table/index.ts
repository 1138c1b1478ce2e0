export { LeaseTable } from './lease-table.js';
export type { ClaimsOf, Doubt, HeldLease, HeldRemoval, LeaseDelta, LeaseTableOptions } from './types.js';
