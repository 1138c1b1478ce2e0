export { EtcdSubnetManager } from './etcd-subnet-manager.js';
export type { EtcdSubnetManagerOptions } from './options.js';
export { EtcdConnections } from './client/etcd-connections.js';
export type { Password } from './client/password.js';
export type { TlsFiles } from './client/tls-files.js';
