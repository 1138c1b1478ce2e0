import { memory } from '@overlay/backend-memory';
import type { MemoryKernel } from '@overlay/backend-memory';
import type { BackendSubject } from '@overlay/conformance/backend';
import { memoryEnvironment } from '@overlay/conformance/backend';
import { ours } from './makers.js';

/** The others need a real kernel in part, and two implementations. */
export const profiles: readonly string[] = ['Core', 'Healing', 'Restart', 'Scale', 'Security'];

export const conformance: readonly BackendSubject<MemoryKernel>[] = [
  {
    implementation: ours('backend-memory'),
    environment: memoryEnvironment(),
    factory: (kernel) => memory({ kernel }),
    beside: { Channel: 2 },
  },
];
