export { vxlan } from './backend.js';
export type { VxlanComponents } from './backend.js';
export { vxlanLease } from './lease.js';
export type { VxlanLeaseInit } from './lease.js';
export { vxlanOptions } from './options.js';
export type { VxlanOptions } from './options.js';
export { deviceName, parseVtepData, vtepData } from './vtep.js';
export type { VtepData } from './vtep.js';
