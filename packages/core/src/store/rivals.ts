import type { Lease, LeaseEvent } from '../lease.js';
import { FAMILIES } from '../lease.js';
import { addressText, subnetsOverlap, subnetsText } from './subnets-text.js';

/** Keeps account of other hosts' leases that contradict one's own, at a cost that follows the change. */
export class Rivals {
  readonly #problems = new Map<string, string>();
  readonly #isOwn: (own: Lease, other: Lease) => boolean;
  #own: Lease | undefined;

  /** @param isOwn whether a lease with another key is ours nevertheless, where a store can have that. Never unless told. */
  constructor(isOwn: (own: Lease, other: Lease) => boolean = () => false) {
    this.#isOwn = isOwn;
  }

  /** True when the own lease has changed in what matters here: all others are to be looked at again. */
  setOwn(lease: Lease): boolean {
    const before = this.#own;
    this.#own = lease;
    return (
      before === undefined || before.key !== lease.key || FAMILIES.some((family) => differs(before, lease, family))
    );
  }

  /** True when there is, or was, something wrong with a lease that this is about: with most there never is. */
  take(event: LeaseEvent): boolean {
    if (event.type === 'snapshot') {
      const before = this.#problems.size;
      this.#problems.clear();
      for (const lease of event.leases) this.#judge(lease);
      return before + this.#problems.size > 0;
    }
    let touched = false;
    for (const change of event.changes) {
      const had = change.type === 'delete' ? this.#problems.delete(change.key) : this.#judge(change.lease);
      touched = had || touched;
    }
    return touched;
  }

  /** What is wrong, one line each. */
  problems(): Iterable<string> {
    return this.#problems.values();
  }

  #judge(other: Lease): boolean {
    const own = this.#own;
    const mine = own === undefined || other.key === own.key || this.#isOwn(own, other);
    const problem = mine ? undefined : contradiction(own, other);
    if (problem === undefined) return this.#problems.delete(other.key);
    this.#problems.set(other.key, problem);
    return true;
  }
}

function contradiction(own: Lease, other: Lease): string | undefined {
  const who = `host ${other.key} (${addressText(other)})`;
  if (subnetsOverlap(own.subnets, other.subnets)) {
    return `${who} holds ${subnetsText(other.subnets)}, which overlaps our ${subnetsText(own.subnets)}; remove the lease of one of the two`;
  }
  for (const family of FAMILIES) {
    const publicIP = own.attributes[family]?.publicIP;
    if (publicIP !== undefined && publicIP === other.attributes[family]?.publicIP) {
      return `${who} publishes our address ${publicIP} for ${subnetsText(other.subnets)}; give each host a public IP of its own`;
    }
  }
  return undefined;
}

function differs(a: Lease, b: Lease, family: 'ipv4' | 'ipv6'): boolean {
  return a.subnets[family] !== b.subnets[family] || a.attributes[family]?.publicIP !== b.attributes[family]?.publicIP;
}
