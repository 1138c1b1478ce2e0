import { addressFamily } from '../address/index.js';
import type { Prefix } from '../address/index.js';
import type { LeftOverPeers } from '../backend.js';
import type { LeaseTable } from '../lease-table/index.js';
import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';

/**
 * A subnet to which the host has a way from an earlier run of the agent, and which no lease that is believed has. Its
 * removal is held as that of a peer is.
 */
export interface HeldSubnet {
  /** The subnet: whose it was is not known. */
  readonly key: Prefix;
  readonly what: 'unlisted';
  /** When it was found, in milliseconds; in a status since the Unix epoch. */
  readonly since: number;
  /** From when on it is believed that the peer is gone, if the store is read again and says the same. */
  readonly until: number;
}

/** What one network has found and asks about. */
interface Question {
  /** What of it no lease has. */
  readonly unlisted: Set<Prefix>;
  readonly since: number;
  readonly until: number;
  readonly mayGo: () => void;
}

/**
 * Peers of an earlier run of the agent. The table of leases begins empty, so that a first snapshot which lacks many of
 * those that are reached removes nothing from it; what shows is what is found in the kernel.
 */
export class LeftPeers {
  readonly #table: LeaseTable;
  readonly #questions = new Set<Question>();

  constructor(table: LeaseTable) {
    this.#table = table;
  }

  /**
   * Resolves when what was found may go: at once, unless so much of it is of peers which no lease tells of that it would be
   * doubted if they were in the table.
   *
   * @param wentBack as of {@link LeaseTable.snapshot}
   */
  ask({ subnets, found }: LeftOverPeers, now: number, wentBack: boolean): Promise<void> {
    const unlisted = new Set(subnets);
    for (const lease of this.#table.accepted()) forget(unlisted, lease);
    const doubted = FAMILIES.some((family) => {
      const missing = [...unlisted].filter((subnet) => addressFamily(subnet) === family).length;
      return this.#table.doubts(missing, found[family] ?? 0, wentBack);
    });
    if (!doubted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#questions.add({ unlisted, since: now, until: now + this.#table.holdMs, mayGo: resolve });
    });
  }

  /** The subnets whose removal is held. Two networks may have found the same. */
  held(): readonly HeldSubnet[] {
    const held = new Map<Prefix, HeldSubnet>();
    for (const { unlisted, since, until } of this.#questions) {
      for (const key of unlisted) held.set(key, { key, what: 'unlisted', since, until });
    }
    return [...held.values()];
  }

  /** When the oldest of them may go; undefined when none is held. */
  due(): number | undefined {
    const [oldest] = this.#questions;
    return oldest?.until;
  }

  /** Leases have come: what they tell of is to go no more. */
  listed(leases: Iterable<Lease>): void {
    if (this.#questions.size === 0) return;
    for (const lease of leases) for (const { unlisted } of this.#questions) forget(unlisted, lease);
    for (const question of this.#questions) if (question.unlisted.size === 0) this.#answer(question);
  }

  /** The store has been read, and this is all that it tells: what has been held long enough may go. */
  settle(now: number): void {
    for (const question of this.#questions) if (question.until <= now) this.#answer(question);
  }

  #answer(question: Question): void {
    this.#questions.delete(question);
    question.mayGo();
  }
}

function forget(subnets: Set<Prefix>, { subnets: { ipv4, ipv6 } }: Lease): void {
  if (ipv4 !== undefined) subnets.delete(ipv4);
  if (ipv6 !== undefined) subnets.delete(ipv6);
}
