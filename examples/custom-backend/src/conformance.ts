import type { BackendSubject } from '@overlay/conformance/backend';
import { kernelEnvironment } from '@overlay/conformance/backend';
import type { Linux } from '@overlay/linux';
import { macvlan } from './macvlan.js';

/** The export that `overlay-conformance --module` takes. */
export const conformance: BackendSubject<Linux> = {
  environment: kernelEnvironment(),
  factory: (linux) => macvlan({ linux }),
  beside: { Tag: 2 },
};
