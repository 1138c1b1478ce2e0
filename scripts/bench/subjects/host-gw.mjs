// What the benchmarks have to know of the host-gw backend.
import { hostGw } from '@overlay/backend-host-gw';

export const subject = {
  type: 'host-gw',
  create: (linux) => hostGw({ linux }),
};
