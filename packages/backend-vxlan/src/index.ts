export { vxlan } from './backend.js';
export type { VxlanComponents } from './backend.js';
export { vxlanOptions } from './options.js';
export type { VxlanOptions } from './options.js';
export { deviceName, parseVtepData, vtepData } from './vtep.js';
export type { VtepData } from './vtep.js';
