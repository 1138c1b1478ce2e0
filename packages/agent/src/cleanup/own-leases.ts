import type { Lease, SubnetManager } from '@overlay/core';
import { FAMILIES, silentLogger } from '@overlay/core';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { NEVER } from 'rxjs';
import type { StoreSettings } from '../flags/store-settings.js';
import type { Item } from './steps.js';

/** The leases of this host in its store. */
export interface OwnLeases {
  find(): Promise<readonly Lease[]>;
  release(): Promise<void>;
}

/** A subnet manager that can give up a lease. */
type Releasing = Pick<SubnetManager, 'previous' | 'close'> & {
  release(hostId: string, options: { readonly signal: AbortSignal }): Promise<void>;
};

/** A host's leases in its store, which is opened for each question. */
export function ownLeases(store: StoreSettings, hostId: string, signal: AbortSignal): OwnLeases {
  const using = async <T>(work: (manager: Releasing) => Promise<T>): Promise<T> => {
    const manager = await open(store);
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

async function open(store: StoreSettings): Promise<Releasing> {
  switch (store.kind) {
    case 'local':
      return new LocalSubnetManager({ directory: store.directory, config$: NEVER });
    case 'etcd': {
      const { etcdManager } = await import('../stores/etcd-store.js');
      return etcdManager(store, silentLogger);
    }
    case 'kube': {
      const { kubeManager } = await import('../stores/kube-store.js');
      return kubeManager(store, silentLogger, NEVER);
    }
  }
}

/** A lease as an item. */
export function leaseItem({ subnets, key }: Lease): Item {
  const held = FAMILIES.flatMap((family) => subnets[family] ?? []).join(', ');
  return { kind: 'lease', text: `lease ${held} of host ${key}` };
}
