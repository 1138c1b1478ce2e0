import type { Lease } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { Counterpart } from './counterpart.js';

/** host-gw by `ip route`, with the routes that flanneld makes (pkg/backend/route_network.go). */
export const hostGwByHand: Counterpart = {
  type: 'host-gw',
  name: "iproute2, with flanneld's routes",
  setUp: async ({ host, netConf, mtu }) => ({
    attributes: {
      backendType: 'host-gw',
      ...Object.fromEntries(
        FAMILIES.flatMap((family) => {
          const publicIP = host.addresses[family];
          return netConf[family] && publicIP ? [[family, { publicIP }]] : [];
        }),
      ),
    },
    mtu,
    add: async ({ subnets, attributes }: Lease) => {
      for (const family of FAMILIES) {
        const [subnet, endpoint] = [subnets[family], attributes[family]];
        if (subnet === undefined || endpoint === undefined) continue;
        await host.exec(['ip', 'route', 'replace', subnet, 'via', endpoint.publicIP, 'dev', 'eth0']);
      }
    },
  }),
};
