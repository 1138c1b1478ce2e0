import type { Logger, NetConf, SubnetManager } from '@overlay/core';
import type { Settings } from '../flags/settings.js';

/** Where the agent has its leases from. Nothing is asked before the subnet manager is used. */
export interface Store {
  readonly subnetManager: SubnetManager;
  /** The configuration, where it is a file of this host: as it was read first. */
  readonly netConf?: NetConf;
  /** What a wrong configuration means; see the agent's option of this name. */
  readonly wrongConfig: 'fatal' | 'wait';
}

/** What opening a store takes. */
export type StoreContext = Pick<Settings, 'lease' | 'netConfigPath'> & { readonly logger: Logger };
