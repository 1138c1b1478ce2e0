import type { Address, JsonValue, Lease, NetConf, Prefix } from '../dist/index.js';
import type { LeaseDelta } from '../dist/lease-table/index.js';
import { LeaseTable } from '../dist/lease-table/index.js';

/** A dual-stack configuration: what the tests' leases are inside of. */
export const NET_CONF: NetConf = {
  ipv4: {
    network: '10.244.0.0/16' as Prefix,
    subnetLen: 24,
    subnetMin: '10.244.1.0' as Address,
    subnetMax: '10.244.255.0' as Address,
  },
  ipv6: {
    network: 'fd00:42::/48' as Prefix,
    subnetLen: 64,
    subnetMin: 'fd00:42:0:1::' as Address,
    subnetMax: 'fd00:42:0:ffff::' as Address,
  },
  enableNFTables: false,
  backend: { type: 'vxlan', options: {} },
  warnings: [],
};

/** The same without IPv6. */
export const IPV4_ONLY: NetConf = { ...NET_CONF, ipv6: undefined };

/** A lease of family IPv4 as it comes from a store. */
export function lease4(key: string, subnet: string, publicIP: string, data?: JsonValue): Lease {
  return {
    key,
    subnets: { ipv4: subnet as Prefix },
    attributes: {
      backendType: 'vxlan',
      ipv4: { publicIP: publicIP as Address, ...(data === undefined ? {} : { data }) },
    },
  };
}

/** Host number `n`, in IPv4: `h7` has 10.244.7.0/24 and is reached at 192.168.0.7. */
export function host(n: number, publicIP = `192.168.0.${n}`): Lease {
  return lease4(`h${n}`, `10.244.${n}.0/24`, publicIP);
}

/** Host number `n` in both families. */
export function dualHost(n: number): Lease {
  const { key, subnets, attributes } = host(n);
  return {
    key,
    subnets: { ...subnets, ipv6: `fd00:42:0:${n}::/64` as Prefix },
    attributes: { ...attributes, ipv6: { publicIP: `2001:db8::${n}` as Address } },
  };
}

/** Hosts `from` to `to`, both included. */
export function hosts(from: number, to: number): Lease[] {
  return Array.from({ length: to - from + 1 }, (_, at) => host(from + at));
}

/** A table that knows the configuration, and what its network was told. */
export class Bench {
  readonly table: LeaseTable;
  readonly network = new Map<string, Lease>();

  constructor(options?: ConstructorParameters<typeof LeaseTable>[0]) {
    this.table = new LeaseTable(options);
    this.take(this.table.setNetConf(NET_CONF, 0));
  }

  /** Gives a delta to the network; says which keys were set and which deleted. */
  take(delta: LeaseDelta | undefined): string {
    if (!delta) return 'nothing';
    for (const key of delta.deleted) this.network.delete(key);
    for (const lease of delta.set) this.network.set(lease.key, lease);
    const parts = [
      delta.set.length > 0 ? `set ${delta.set.map(({ key }) => key).join(' ')}` : '',
      delta.deleted.length > 0 ? `deleted ${delta.deleted.join(' ')}` : '',
    ];
    return parts.filter((part) => part !== '').join(', ');
  }

  keys(): string {
    return [...this.network.keys()].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))).join(' ');
  }
}
