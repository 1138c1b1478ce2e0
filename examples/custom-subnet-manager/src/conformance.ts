import type { SubnetManagerSubject } from '@overlay/conformance/subnet-manager';
import { HttpSubnetManager } from './http-subnet-manager.js';
import { LeaseService } from './lease-service.js';

/** The export that `overlay-conformance --module` takes. */
export const conformance: SubnetManagerSubject = {
  environment: 'HTTP service',
  supports: { chooses: true, persistent: true, reserves: false, tellsRivals: true, confirms: true },
  create: async () => {
    const service = new LeaseService();
    const url = await service.listen(0);
    return {
      manager: (netConf) => new HttpSubnetManager({ url, netConf }),
      remove: async (subnets) => service.remove(service.hostOf(subnets) ?? ''),
      dispose: () => service.close(),
    };
  },
};
