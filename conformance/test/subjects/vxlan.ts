import { vxlan } from '@overlay/backend-vxlan';
import type { BackendSubject } from '@overlay/conformance/backend';
import { kernelEnvironment } from '@overlay/conformance/backend';
import type { Linux } from '@overlay/linux';
import { ours } from './makers.js';

const subject = {
  implementation: ours('backend-vxlan'),
  environment: kernelEnvironment(),
  factory: (linux: Linux) => vxlan({ linux }),
  beside: { VNI: 2 },
};

export const conformance: readonly BackendSubject<Linux>[] = [
  subject,
  { ...subject, mode: 'direct-routing', options: { DirectRouting: true } },
];
