export { formatLeaseKey, parseLeaseKey } from './lease-key.js';
export type { LeaseValueReading } from './lease-value.js';
export { formatLeaseValue, parseLeaseValue } from './lease-value.js';
