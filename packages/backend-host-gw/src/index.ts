export { hostGw } from './host-gw.js';
export type { HostGwComponents } from './host-gw.js';
