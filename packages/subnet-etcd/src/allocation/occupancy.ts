import type { Family, NetConf, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, parseLeaseKey, SubnetPool } from '@overlay/core';

/** Which subnets are taken, by the names of leases. Names are read once, however often somebody asks. */
export class Occupancy {
  readonly #names = new Set<string>();
  readonly #pools: PerFamily<SubnetPool>;

  constructor({ ipv4, ipv6 }: Pick<NetConf, Family>) {
    this.#pools = { ...(ipv4 && { ipv4: new SubnetPool(ipv4) }), ...(ipv6 && { ipv6: new SubnetPool(ipv6) }) };
  }

  add(name: string, subnets: PerFamily<Prefix> | undefined = parseLeaseKey(name)): void {
    if (subnets === undefined || this.#names.has(name)) return;
    this.#names.add(name);
    for (const family of FAMILIES) {
      const subnet = subnets[family];
      if (subnet !== undefined) this.#pools[family]?.take(subnet);
    }
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Undefined for a family that is not configured. */
  of(family: Family): SubnetPool | undefined {
    return this.#pools[family];
  }
}
