import type { Family, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, parseLeaseKey } from '@overlay/core';

/** Which subnets are taken, by the names of leases. Names are read once, however often somebody asks. */
export class Occupancy {
  readonly #names = new Set<string>();
  readonly #taken: Record<Family, Prefix[]> = { ipv4: [], ipv6: [] };

  add(name: string, subnets: PerFamily<Prefix> | undefined = parseLeaseKey(name)): void {
    if (subnets === undefined || this.#names.has(name)) return;
    this.#names.add(name);
    for (const family of FAMILIES) {
      const subnet = subnets[family];
      if (subnet !== undefined) this.#taken[family].push(subnet);
    }
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  of(family: Family): readonly Prefix[] {
    return this.#taken[family];
  }
}
