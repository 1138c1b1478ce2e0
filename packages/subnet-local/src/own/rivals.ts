import type { Lease, LeaseEvent } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { subnetsOverlap, subnetsText } from '../format/subnets.js';

/** Keeps account of the leases of other hosts that contradict one's own, at a cost that follows the change. */
export class Rivals {
  readonly #problems = new Map<string, string>();
  #own: Lease | undefined;

  /** True when the own lease is another one than before in what matters here: look at all others again. */
  setOwn(lease: Lease): boolean {
    const before = this.#own;
    this.#own = lease;
    return (
      before === undefined || FAMILIES.some((family) => differs(before, lease, family)) || before.key !== lease.key
    );
  }

  take(event: LeaseEvent): void {
    if (event.type === 'snapshot') {
      this.#problems.clear();
      for (const lease of event.leases) this.#judge(lease);
      return;
    }
    for (const change of event.changes) {
      if (change.type === 'delete') this.#problems.delete(change.key);
      else this.#judge(change.lease);
    }
  }

  /** What is wrong, one line each. */
  problems(): Iterable<string> {
    return this.#problems.values();
  }

  #judge(other: Lease): void {
    const own = this.#own;
    const problem = own === undefined || other.key === own.key ? undefined : contradiction(own, other);
    if (problem === undefined) this.#problems.delete(other.key);
    else this.#problems.set(other.key, problem);
  }
}

function contradiction(own: Lease, other: Lease): string | undefined {
  if (subnetsOverlap(own.subnets, other.subnets)) {
    return `host ${other.key} holds ${subnetsText(other.subnets)}, which overlaps our ${subnetsText(own.subnets)}; remove the lease of one of the two`;
  }
  for (const family of FAMILIES) {
    const publicIP = own.attributes[family]?.publicIP;
    if (publicIP !== undefined && publicIP === other.attributes[family]?.publicIP) {
      return `host ${other.key} publishes our address ${publicIP}; give each host a public IP of its own`;
    }
  }
  return undefined;
}

function differs(a: Lease, b: Lease, family: 'ipv4' | 'ipv6'): boolean {
  return a.subnets[family] !== b.subnets[family] || a.attributes[family]?.publicIP !== b.attributes[family]?.publicIP;
}
