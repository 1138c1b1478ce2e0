export type { InstanceHolder } from './holder.js';
export type { AcquireInstanceOptions, InstanceLock } from './lock.js';
export { acquireInstance } from './lock.js';
