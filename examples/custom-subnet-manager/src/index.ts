export { HttpSubnetManager } from './http-subnet-manager.js';
export type { HttpSubnetManagerOptions } from './http-subnet-manager.js';
export { LeaseService } from './lease-service.js';
