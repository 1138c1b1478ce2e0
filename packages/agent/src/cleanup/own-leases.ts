import type { Lease } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { NEVER } from 'rxjs';
import type { Item } from './steps.js';

/** The leases of this host in its store. */
export interface OwnLeases {
  find(): Promise<readonly Lease[]>;
  release(): Promise<void>;
}

/** A host's leases in a directory. */
export function localLeases(directory: string, hostId: string, signal: AbortSignal): OwnLeases {
  const using = async <T>(work: (manager: LocalSubnetManager) => Promise<T>): Promise<T> => {
    const manager = new LocalSubnetManager({ directory, config$: NEVER });
    try {
      return await work(manager);
    } finally {
      await manager.close();
    }
  };
  return {
    find: () => using(async (manager) => [(await manager.previous(hostId, { signal })) ?? []].flat()),
    release: () => using((manager) => manager.release(hostId, { signal })),
  };
}

/** A lease as an item. */
export function leaseItem({ subnets, key }: Lease): Item {
  const held = FAMILIES.flatMap((family) => subnets[family] ?? []).join(', ');
  return { kind: 'lease', text: `lease ${held} of host ${key}` };
}
