export type { SubnetSource } from './memory.js';
export type { MemoryFile } from './memory-file.js';
export type { RememberingSubnetManagerOptions } from './remembering-subnet-manager.js';
export { RememberingSubnetManager } from './remembering-subnet-manager.js';
