import type { PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { Prefix } from '../address/index.js';
import type { Peer } from './peer.js';
import type { Doubt } from './types.js';

/** A removal that was believed, while it counts against further ones. */
interface Recent {
  readonly at: number;
  readonly subnets: PerFamily<Prefix>;
  /** Whether the network is without this peer now: one with other subnets is not. */
  absent: boolean;
}

interface Doubted {
  readonly since: number;
  readonly until: number;
}

/**
 * Counts removals and says which are to be doubted: when with those of the last `holdMs`, and those that are doubted
 * already, more than one peer and more than `fraction` of the peers would go. The peers are those that the window began
 * with and those that came in it.
 */
export class RemovalDoubt {
  /** Milliseconds that doubted removals wait; 0 for never doubting. */
  readonly holdMs: number;
  readonly #fraction: number;
  /** Oldest first. */
  readonly #recent = new Map<string, Recent>();
  #absent = 0;
  /** Oldest first. */
  readonly #doubted = new Map<Peer, Doubted>();
  #began = 0;
  #summary: Doubt | undefined;

  constructor(holdMs: number, fraction: number) {
    this.holdMs = holdMs;
    this.#fraction = fraction;
  }

  /** Ends the counting of removals that have left the window. */
  forgetOld(now: number): void {
    for (const [key, { at }] of this.#recent) {
      if (now - at < this.holdMs) break;
      this.#forget(key);
    }
  }

  /**
   * Whether these removals are too many to be believed; `size` is the number of peers that the network has before.
   *
   * @param oneIsTooMany whether each one is to be doubted
   */
  tooMany(removals: readonly Peer[], size: number, oneIsTooMany: boolean): boolean {
    if (removals.length === 0 || this.holdMs === 0) return false;
    if (oneIsTooMany) return true;
    // What one peer loses twice is still one peer.
    const further = removals.reduce((count, { key }) => (this.#recent.has(key) ? count : count + 1), 0);
    const total = this.#recent.size + this.#doubted.size + further;
    return total > 1 && total > this.#fraction * (size + this.#absent);
  }

  /**
   * Whether so many removals of so many peers are too many to be believed by themselves.
   *
   * @param oneIsTooMany whether each one is to be doubted
   */
  tooManyOf(removals: number, peers: number, oneIsTooMany: boolean): boolean {
    if (removals === 0 || this.holdMs === 0) return false;
    return oneIsTooMany || (removals > 1 && removals > this.#fraction * peers);
  }

  /** Counts a removal that was believed. */
  count(peer: Peer, now: number): void {
    if (this.holdMs === 0) return;
    this.#forget(peer.key);
    this.#recent.set(peer.key, { at: now, subnets: peer.passed?.subnets ?? {}, absent: true });
    this.#absent++;
  }

  /** Takes note that the network has the peer again, or has it with other subnets. */
  returned(peer: Peer): void {
    const recent = this.#recent.get(peer.key);
    if (!recent) return;
    const subnets = peer.passed?.subnets ?? {};
    if (
      FAMILIES.every((family) => recent.subnets[family] === undefined || recent.subnets[family] === subnets[family])
    ) {
      this.#forget(peer.key);
    } else if (recent.absent) {
      recent.absent = false;
      this.#absent--;
    }
  }

  /** Takes note that this host itself took the peer from the network, which is no removal to be counted. */
  left(peer: Peer): void {
    const recent = this.#recent.get(peer.key);
    if (!recent || recent.absent) return;
    recent.absent = true;
    this.#absent++;
  }

  /**
   * Begins to doubt the removal of a peer. Those that come while others are doubted are due in steps of a tenth of the
   * hold, so that a long burst makes the store be read again ten times a hold, not at every removal.
   */
  hold(peer: Peer, now: number): void {
    if (this.#doubted.size === 0) this.#began = now;
    this.#summary = undefined;
    this.#forget(peer.key);
    const step = this.holdMs / 10;
    const steps = Math.max(0, Math.ceil((now - this.#began) / step));
    this.#doubted.set(peer, { since: now, until: this.#began + this.holdMs + steps * step });
  }

  lift(peer: Peer): void {
    if (this.#doubted.delete(peer)) this.#summary = undefined;
  }

  holds(peer: Peer): boolean {
    return this.#doubted.has(peer);
  }

  /** All that are doubted, oldest first. */
  entries(): IterableIterator<[Peer, Doubted]> {
    return this.#doubted.entries();
  }

  /** All that are doubted, taken together; undefined when there are none. */
  summary(): Doubt | undefined {
    const oldest = this.#doubted.values().next().value;
    if (!oldest) return undefined;
    this.#summary ??= { keys: Array.from(this.#doubted.keys(), ({ key }) => key), ...oldest };
    return this.#summary;
  }

  /** Those that have been held long enough, oldest first. */
  due(now: number): Peer[] {
    const due: Peer[] = [];
    for (const [peer, { until }] of this.#doubted) if (until <= now) due.push(peer);
    return due;
  }

  #forget(key: string): void {
    if (this.#recent.get(key)?.absent) this.#absent--;
    this.#recent.delete(key);
  }
}
