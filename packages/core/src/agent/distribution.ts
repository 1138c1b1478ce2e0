import type { Subscription } from 'rxjs';
import type { Network } from '../backend.js';
import type { Lease, LeaseUpdate } from '../lease.js';

/** One of the networks to which peers are given. */
export interface Destination {
  readonly network: Network | undefined;
  /** A lease as this network reads it; undefined when that host does not publish its endpoint. */
  viewOf(lease: Lease): Lease | undefined;
  /** Whether its endpoint is the primary one of a lease. */
  leads(lease: Lease): boolean;
  /** Whether packets to a peer that was applied go through the network. */
  reaches(key: string): boolean;
}

/** Where a peer was put while there are two networks. */
interface Place {
  readonly lease: Lease;
  readonly inNew: boolean;
  readonly inOld: boolean;
}

/**
 * Gives each peer to a network: to the only one, or, of two, to the best that both sides have. That is the one of the
 * newer configuration wherever the peer publishes its endpoint. Until that network reaches the peer it stays in the old
 * one as well, and leaves it in the same turn of the event loop in which it is reached, so that what carries it is
 * replaced and never missing. Which way a host sends is its own choice: it receives on all that it publishes.
 *
 * With two networks a change still costs what it changes; with one nothing is kept here.
 */
export class Distribution {
  readonly #changed: () => void;
  #newer: Destination | undefined;
  #older: Destination | undefined;
  #places = new Map<string, Place>();
  readonly #without = new Set<string>();
  readonly #unreached = new Set<string>();
  readonly #behind = new Set<string>();
  #reachChanges: Subscription | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Peers that are reached by the old network alone: they do not publish the newer one's endpoint. */
  get without(): ReadonlySet<string> {
    return this.#without;
  }

  /** Peers that publish both, and that the newer network does not reach, so that they stay in the old one. */
  get unreached(): ReadonlySet<string> {
    return this.#unreached;
  }

  /**
   * Peers whose primary endpoint is not the newer network's: they do not reach every host by it yet, this one perhaps.
   */
  get behind(): ReadonlySet<string> {
    return this.#behind;
  }

  /** Gives all peers to these networks, in the place of the ones before; without peers, those of the next snapshot. */
  set(newer: Destination, older: Destination | undefined, leases: Iterable<Lease> | undefined): void {
    this.#reachChanges?.unsubscribe();
    this.#newer = newer;
    this.#older = older;
    this.#places = new Map();
    this.#without.clear();
    this.#unreached.clear();
    this.#behind.clear();
    if (leases === undefined) return;
    if (older === undefined) {
      const views = Array.from(leases, (lease) => newer.viewOf(lease) ?? lease);
      newer.network?.apply({ type: 'snapshot', leases: views });
      return;
    }
    const all = [...leases];
    newer.network?.apply({ type: 'snapshot', leases: all.flatMap((lease) => this.#forNewer(lease) ?? []) });
    const rest: Lease[] = [];
    for (const lease of all) {
      const view = this.#place(lease);
      if (view) rest.push(view);
    }
    older.network?.apply({ type: 'snapshot', leases: rest });
    this.#reachChanges = newer.network?.reachChanges$?.subscribe((keys) => this.look(keys));
    this.#changed();
  }

  /** Takes in what has changed of the peers. */
  apply(update: LeaseUpdate): void {
    const newer = this.#newer;
    const older = this.#older;
    if (newer === undefined) return;
    if (update.type === 'snapshot') {
      this.set(newer, older, update.leases);
    } else if (older === undefined) {
      newer.network?.apply({ ...update, set: update.set.map((lease) => newer.viewOf(lease) ?? lease) });
    } else {
      this.#split(update.set, update.deleted, newer, older);
    }
  }

  /** Looks again whether the newer network reaches some peers, or any. */
  look(keys: Iterable<string> = this.#places.keys()): void {
    const older = this.#older;
    if (older === undefined) return;
    const set: Lease[] = [];
    const deleted: string[] = [];
    for (const key of [...keys]) {
      const before = this.#places.get(key);
      if (!before?.inNew || this.#without.has(key)) continue;
      const view = this.#place(before.lease);
      if (view && !before.inOld) set.push(view);
      if (!view && before.inOld) deleted.push(key);
    }
    if (set.length + deleted.length === 0) return;
    older.network?.apply({ type: 'delta', set, deleted });
    this.#changed();
  }

  close(): void {
    this.#reachChanges?.unsubscribe();
    this.#newer = this.#older = undefined;
  }

  #split(leases: readonly Lease[], keys: readonly string[], newer: Destination, older: Destination): void {
    const joining: Lease[] = [];
    const leaving: string[] = [];
    for (const lease of leases) {
      const view = this.#forNewer(lease);
      if (view) joining.push(view);
      else if (this.#places.get(lease.key)?.inNew) leaving.push(lease.key);
    }
    if (joining.length > 0) newer.network?.apply({ type: 'delta', set: joining, deleted: [] });
    const set: Lease[] = [];
    const deleted: string[] = [];
    for (const lease of leases) {
      const before = this.#places.get(lease.key);
      const view = this.#place(lease);
      if (view) set.push(view);
      else if (before?.inOld) deleted.push(lease.key);
    }
    for (const key of keys) {
      const before = this.#places.get(key);
      if (before?.inOld) deleted.push(key);
      if (before?.inNew) leaving.push(key);
      this.#places.delete(key);
      this.#without.delete(key);
      this.#unreached.delete(key);
      this.#behind.delete(key);
    }
    if (set.length + deleted.length > 0) older.network?.apply({ type: 'delta', set, deleted });
    if (leaving.length > 0) newer.network?.apply({ type: 'delta', set: [], deleted: leaving });
    this.#changed();
  }

  /** What the newer network is told of a peer. One that publishes neither is given to it, so that it says why not. */
  #forNewer(lease: Lease): Lease | undefined {
    return this.#newer?.viewOf(lease) ?? (this.#older?.viewOf(lease) === undefined ? lease : undefined);
  }

  /** Notes where a peer belongs, which the newer network has been told of; gives what the old one is to be told. */
  #place(lease: Lease): Lease | undefined {
    const { key } = lease;
    const published = this.#newer?.viewOf(lease) !== undefined;
    const reached = published && this.#newer?.reaches(key) === true;
    const view = reached ? undefined : this.#older?.viewOf(lease);
    if (view && !published) this.#without.add(key);
    else this.#without.delete(key);
    if (view && published) this.#unreached.add(key);
    else this.#unreached.delete(key);
    const concerned = published || view !== undefined;
    if (concerned && this.#newer?.leads(lease) !== true) this.#behind.add(key);
    else this.#behind.delete(key);
    this.#places.set(key, { lease, inNew: published || view === undefined, inOld: view !== undefined });
    return view;
  }
}
