// What the benchmarks have to know of the udp backend.
import { udp } from '@overlay/backend-udp';

export const subject = {
  type: 'udp',
  create: (linux) => udp({ linux }),
};
