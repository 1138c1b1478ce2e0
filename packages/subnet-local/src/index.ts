export { LocalSubnetManager } from './local-subnet-manager.js';
export type { LocalStoreOptions, LocalSubnetManagerOptions } from './options.js';
export type { FileConfigOptions } from './config/file-config.js';
export { fileConfig } from './config/file-config.js';
