import type { Address } from '@overlay/core';
import type { NeighbourState } from '../netlink/rtnetlink/neighbour-message.js';

/** So many failed resolutions in a row make an address count as gone. */
export const FAILURES_TO_FALL_BACK = 3;

const ANSWERED: ReadonlySet<NeighbourState> = new Set(['reachable', 'permanent', 'noarp']);
/** It answered some time ago, or asked for us itself; whether it still does is found out by using it. */
const ONCE_KNOWN: ReadonlySet<NeighbourState> = new Set(['stale', 'delay']);

interface Known {
  resolved: boolean;
  failures: number;
}

/**
 * What the kernel has found out of neighbours, with hysteresis: one answer makes an address a neighbour, and it stays one
 * until several attempts in a row have failed. Pure.
 */
export class Resolution {
  readonly #known = new Map<Address, Known>();

  follow(address: Address): void {
    if (!this.#known.has(address)) this.#known.set(address, { resolved: false, failures: 0 });
  }

  unfollow(address: Address): void {
    this.#known.delete(address);
  }

  resolved(address: Address): boolean {
    return this.#known.get(address)?.resolved ?? false;
  }

  follows(address: Address): boolean {
    return this.#known.has(address);
  }

  /** The kernel reported an entry's state. Gives true if that changes whether it is a neighbour. */
  heard(address: Address, state: NeighbourState): boolean {
    const known = this.#known.get(address);
    if (!known) return false;
    const before = known.resolved;
    if (ANSWERED.has(state)) {
      known.resolved = true;
      known.failures = 0;
    } else if (ONCE_KNOWN.has(state)) {
      known.resolved = true;
    } else if (state === 'failed') {
      known.failures += 1;
      if (known.failures >= FAILURES_TO_FALL_BACK) known.resolved = false;
    }
    return known.resolved !== before;
  }

  /** The addresses that failed and may recover, or have never answered: to be asked again soon. */
  *doubtful(): Iterable<Address> {
    for (const [address, { resolved, failures }] of this.#known) if (!resolved || failures > 0) yield address;
  }

  addresses(): Iterable<Address> {
    return this.#known.keys();
  }
}
