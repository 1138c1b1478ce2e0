import type { NetConf, PerFamily, Prefix, SubnetManager } from '@overlay/core';

/** One store, empty at first, that several subnet managers share as the agents of several hosts would. */
export interface StoreUnderTest {
  /** A subnet manager on the store: another one each time, or for a store in memory the same. The suite closes it. */
  manager(netConf: NetConf): SubnetManager;
  /** Removes a lease as a person would, past every subnet manager. */
  remove(subnets: PerFamily<Prefix>): Promise<void>;
  /** Puts a lease that never ends there for a host, as a person would. Needed where `supports.reserves`. */
  reserve?(hostId: string, subnets: PerFamily<Prefix>): Promise<void>;
  dispose(): Promise<void>;
}
