export { KubeSubnetManager } from './kube-subnet-manager.js';
export type { KubeStoreOptions, KubeSubnetManagerOptions, OwnNode } from './options.js';
export type { AccessOptions } from './api/access.js';
export type { NetworkReport } from './own/network-condition.js';
