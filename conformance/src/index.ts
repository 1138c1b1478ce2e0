export type { TestFramework } from './suite/framework.js';
export type { ConformanceTest, Need, NotApplicable, Outcome } from './suite/test-record.js';
