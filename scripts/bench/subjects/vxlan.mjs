// What the benchmarks have to know of the vxlan backend.
import { vtepData, vxlan } from '@overlay/backend-vxlan';

export const subject = {
  type: 'vxlan',
  create: (linux) => vxlan({ linux }),
  data: ({ mac }) => vtepData({ vni: 1, mac }),
};
