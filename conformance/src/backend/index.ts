export type { BackendConformanceOptions } from './backend-conformance.js';
export { backendConformance } from './backend-conformance.js';
export type { BackendFeature, BackendTest, BackendTestContext } from './context.js';
export type { BackendTimeouts } from './timeouts.js';
export { DEFAULT_BACKEND_TIMEOUTS } from './timeouts.js';
export { BACKEND_TESTS } from './tests.js';
