export type { StoreUnderTest, SubnetManagerFeature, SubnetManagerSupports } from './store-under-test.js';
export type { SubnetManagerConformanceOptions } from './subnet-manager-conformance.js';
export { subnetManagerConformance } from './subnet-manager-conformance.js';
export type { SubnetManagerTest } from './context.js';
export { SubnetManagerTestContext } from './context.js';
export type { SubnetManagerTimeouts } from './timeouts.js';
export { DEFAULT_SUBNET_MANAGER_TIMEOUTS } from './timeouts.js';
export { SUBNET_MANAGER_TESTS } from './tests.js';
