import type { Address, Logger, NetConf, PerFamily, SubnetManager } from '@overlay/core';
import type { SubnetSource } from '@overlay/core/memory';
import type { Settings } from '../flags/settings.js';

/** Where the agent has its leases from. Nothing is asked before the subnet manager is used. */
export interface Store {
  readonly subnetManager: SubnetManager;
  /**
   * What tells it from other stores, for one that may be away while this host is not: then what it says is remembered, to
   * go on with after a reboot.
   */
  readonly remote?: {
    readonly name: string;
    /** Who says which subnet a host gets. */
    readonly subnetsFrom: SubnetSource;
  };
  /** The configuration, where it is a file of this host: as it was read first. */
  readonly netConf?: NetConf;
  /** Addresses that somebody has set for this host in the store, which go before what flags say. Rejects while it is away. */
  readonly hostAddresses?: (options: { readonly signal: AbortSignal }) => Promise<PerFamily<Address>>;
  /**
   * To be told whether this host can carry traffic, whenever that changes, for the first time when it can. `missing`: what
   * keeps it from that.
   */
  readonly reportReadiness?: (missing: string | undefined) => void;
  /** What a wrong configuration means; see the agent's option of this name. */
  readonly wrongConfig: 'fatal' | 'wait';
}

/** What opening a store takes. */
export type StoreContext = Pick<Settings, 'lease' | 'netConfigPath'> & { readonly logger: Logger };
