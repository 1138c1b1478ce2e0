export { formatLeaseKey, parseLeaseKey } from './lease-key.js';
export type { LeaseValueReading } from './lease-value.js';
export { formatLeaseValue, parseLeaseValue, readLeaseValue } from './lease-value.js';
