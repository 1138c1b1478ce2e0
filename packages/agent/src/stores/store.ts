import type { Logger, NetConf, SubnetManager } from '@overlay/core';
import type { Settings } from '../flags/settings.js';

/** Where the agent has its leases from. Nothing is asked before the subnet manager is used. */
export interface Store {
  readonly subnetManager: SubnetManager;
  /**
   * What tells it from other stores, for one that may be away while this host is not: then what it says is remembered, to
   * go on with after a reboot.
   */
  readonly remoteName?: string;
  /** The configuration, where it is a file of this host: as it was read first. */
  readonly netConf?: NetConf;
  /** What a wrong configuration means; see the agent's option of this name. */
  readonly wrongConfig: 'fatal' | 'wait';
}

/** What opening a store takes. */
export type StoreContext = Pick<Settings, 'lease' | 'netConfigPath'> & { readonly logger: Logger };
