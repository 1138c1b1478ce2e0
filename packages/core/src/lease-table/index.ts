export { LeaseTable } from './lease-table.js';
export type { ClaimsOf, Doubt, HeldLease, HeldRemoval, LeaseDelta, LeaseTableOptions, SharedAddress } from './types.js';
