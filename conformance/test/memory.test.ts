import { memory } from '@overlay/backend-memory';
import { backendConformance, memoryEnvironment } from '@overlay/conformance/backend';
import { jestFramework } from './jest-framework.js';

backendConformance({
  framework: jestFramework,
  name: 'memory',
  environment: memoryEnvironment(),
  factory: (kernel) => memory({ kernel }),
  beside: { Channel: 2 },
});
