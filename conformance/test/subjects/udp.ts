import { udp } from '@overlay/backend-udp';
import type { BackendSubject } from '@overlay/conformance/backend';
import { kernelEnvironment } from '@overlay/conformance/backend';
import type { Linux } from '@overlay/linux';
import { ours } from './makers.js';

export const conformance: readonly BackendSubject<Linux>[] = [
  {
    implementation: ours('backend-udp'),
    mode: 'kernel',
    environment: kernelEnvironment(),
    factory: (linux) => udp({ linux }),
    options: { DataPath: 'kernel' },
  },
];
