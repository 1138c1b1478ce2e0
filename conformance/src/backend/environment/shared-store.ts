import type { Lease, NetConf, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, networkAddress, StaticSubnetManager, subnetAt } from '@overlay/core';

/** The number of the first subnet that is left to hosts that a test makes up. */
export const FIRST_UNUSED = 100;

/** Where the hosts of one environment have their leases. */
export class SharedStore {
  readonly manager: StaticSubnetManager;

  constructor(netConf: NetConf) {
    this.manager = new StaticSubnetManager({ netConf });
  }

  /** The nth subnets of a network, from 1. Agents never get one from {@link FIRST_UNUSED} on. */
  subnets(netConf: NetConf, n: number): PerFamily<Prefix> {
    return Object.fromEntries(
      FAMILIES.flatMap((family) => {
        const conf = netConf[family];
        return conf === undefined ? [] : [[family, subnetAt(networkAddress(conf.network), conf.subnetLen, n)]];
      }),
    );
  }

  set(lease: Lease): void {
    this.manager.set(lease);
  }

  delete(key: string): void {
    this.manager.delete(key);
  }
}
