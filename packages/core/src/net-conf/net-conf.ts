import type { Address, Prefix } from '../address/index.js';
import type { JsonValue } from '../json.js';
import type { PerFamily } from '../lease.js';

/** What net-conf.json says of one address family that is enabled. */
export interface FamilyConf {
  /** The network from which all hosts get their subnets. */
  readonly network: Prefix;
  /** The prefix length of a host's subnet: at least two bits more than the network's, at most 30, or 126 for IPv6. */
  readonly subnetLen: number;
  /** The network address of the first subnet that may be given to a host. */
  readonly subnetMin: Address;
  /** The network address of the last subnet that may be given to a host, not below `subnetMin`. */
  readonly subnetMax: Address;
}

/** The chosen backend and its options, which only it understands. */
export interface BackendConf {
  /** In lower case: `vxlan`, `host-gw`. */
  readonly type: string;
  /**
   * The members of `Backend` but for `Type`, spelled as they were. Of members that differ only in case the last one is
   * here. Read them with `readOptions`.
   */
  readonly options: Readonly<Record<string, JsonValue>>;
}

/** The network's configuration with all defaults filled in. At least one family is there: those that are enabled. */
export interface NetConf extends PerFamily<FamilyConf> {
  /** Firewall rules by nftables instead of iptables. */
  readonly enableNFTables: boolean;
  readonly backend: BackendConf;
  /** What is not wrong but probably not meant, one line each. Not a part of the configuration's meaning. */
  readonly warnings: readonly string[];
}
