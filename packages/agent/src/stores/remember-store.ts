import type { Logger, SubnetManager } from '@overlay/core';
import type { SubnetSource } from '@overlay/core/memory';
import { RememberingSubnetManager } from '@overlay/core/memory';
import { LeaseMemoryFile } from '../files/lease-memory-file.js';

export interface RememberStoreOptions {
  readonly hostId: string;
  /** Names the store; see RememberingSubnetManager. */
  readonly storeName: string;
  readonly subnetsFrom: SubnetSource;
  /** The file to remember it in. */
  readonly path: string;
  readonly logger: Logger;
}

/** A store that this host remembers, to go on with after a reboot while it is away. */
export function rememberStore(store: SubnetManager, { path, ...options }: RememberStoreOptions): SubnetManager {
  return new RememberingSubnetManager({ store, file: new LeaseMemoryFile(path), ...options });
}
