import type { Family } from '../address/index.js';
import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import { Path } from './path.js';
import type { Rotation } from './rotation.js';

/** The paths of one peer. */
type Known = { round: number } & { [family in Family]?: Path };

/** Keeps a rotation in step with the peers that there are. */
export class KnownPeers {
  readonly #rotation: Rotation;
  readonly #peers = new Map<string, Known>();
  #round = 0;

  constructor(rotation: Rotation) {
    this.#rotation = rotation;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Takes in all peers. One whose subnet is another begins anew. */
  follow(leases: Iterable<Lease>): void {
    const round = ++this.#round;
    for (const lease of leases) {
      const known: Known = this.#peers.get(lease.key) ?? { round };
      known.round = round;
      this.#peers.set(lease.key, known);
      for (const family of FAMILIES) this.#followFamily(known, family, lease);
    }
    for (const [key, known] of this.#peers) {
      if (known.round === round) continue;
      for (const family of FAMILIES) this.#forget(known[family]);
      this.#peers.delete(key);
    }
  }

  #followFamily(known: Known, family: Family, { key, subnets }: Lease): void {
    const subnet = subnets[family];
    const path = known[family];
    if (path?.subnet === subnet) return;
    this.#forget(path);
    delete known[family];
    if (subnet === undefined) return;
    const fresh = new Path(key, family, subnet);
    known[family] = fresh;
    this.#rotation.add(fresh);
  }

  #forget(path: Path | undefined): void {
    if (path !== undefined) this.#rotation.delete(path);
  }
}
