import { hostGw } from '@overlay/backend-host-gw';
import type { BackendSubject } from '@overlay/conformance/backend';
import { kernelEnvironment } from '@overlay/conformance/backend';
import type { Linux } from '@overlay/linux';
import { ours } from './makers.js';

export const conformance: readonly BackendSubject<Linux>[] = [
  {
    implementation: ours('backend-host-gw'),
    environment: kernelEnvironment(),
    factory: (linux) => hostGw({ linux }),
    beside: {},
  },
];
