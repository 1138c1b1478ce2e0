import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import type { Lease, PerFamily, Prefix } from '@overlay/core';
import { StaticSubnetManager } from '@overlay/core';
import { firstValueFrom } from 'rxjs';
import { jestFramework } from './jest-framework.js';

subnetManagerConformance({
  framework: jestFramework,
  name: 'StaticSubnetManager',
  supports: { chooses: true, persistent: false, tellsRivals: false, confirms: false },
  create: async () => {
    let manager: StaticSubnetManager | undefined;
    return {
      manager: (netConf) => (manager ??= new StaticSubnetManager({ netConf })),
      remove: async (subnets) => {
        for (const { key } of await leasesWith(manager, subnets)) manager?.delete(key);
      },
      dispose: async () => undefined,
    };
  },
});

async function leasesWith(
  manager: StaticSubnetManager | undefined,
  subnets: PerFamily<Prefix>,
): Promise<readonly Lease[]> {
  if (manager === undefined) return [];
  const event = await firstValueFrom(manager.leases$);
  const leases = event.type === 'snapshot' ? event.leases : [];
  return leases.filter((lease) => lease.subnets.ipv4 === subnets.ipv4 && lease.subnets.ipv6 === subnets.ipv6);
}
