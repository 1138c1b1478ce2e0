import type { StoreUnderTest } from '@overlay/conformance/subnet-manager';
import type { Lease, NetConf, PerFamily, Prefix, SubnetManager } from '@overlay/core';
import { StaticSubnetManager } from '@overlay/core';
import { firstValueFrom } from 'rxjs';

/** A store in memory, which is its own subnet manager. `alter` makes another one of that. */
export function staticStore(
  alter: (manager: SubnetManager, store: StoreUnderTest) => SubnetManager = (manager) => manager,
): StoreUnderTest {
  let made: { readonly real: StaticSubnetManager; readonly shown: SubnetManager } | undefined;
  const make = (netConf: NetConf): { real: StaticSubnetManager; shown: SubnetManager } => {
    const real = new StaticSubnetManager({ netConf });
    return { real, shown: alter(real, store) };
  };
  const store: StoreUnderTest = {
    manager: (netConf) => (made ??= make(netConf)).shown,
    remove: async (subnets) => {
      for (const { key } of await leasesWith(made?.real, subnets)) made?.real.delete(key);
    },
    dispose: async () => undefined,
  };
  return store;
}

async function leasesWith(
  manager: StaticSubnetManager | undefined,
  subnets: PerFamily<Prefix>,
): Promise<readonly Lease[]> {
  if (manager === undefined) return [];
  const event = await firstValueFrom(manager.leases$);
  const leases = event.type === 'snapshot' ? event.leases : [];
  return leases.filter((lease) => lease.subnets.ipv4 === subnets.ipv4 && lease.subnets.ipv6 === subnets.ipv6);
}
