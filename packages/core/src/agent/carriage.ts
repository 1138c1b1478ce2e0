import type { Network, NetworkState, NetworkStatus } from '../backend.js';
import type { Lease } from '../lease.js';
import type { Carrier } from './carrier.js';
import type { Distribution } from './distribution.js';
import { joinedState, joinedStatus } from './joined-network.js';
import type { Transition } from './transition.js';

/** Which carriers carry this host's traffic: none, one, or two while it goes from one to the other. */
export class Carriage {
  /** The newest one. */
  target: Carrier | undefined;
  /** Two that are both in effect. */
  transition: Transition | undefined;
  /** The transition of an attempt, of which peers do not know yet. */
  tentative: Transition | undefined;
  readonly #distribution: Distribution;

  constructor(distribution: Distribution) {
    this.#distribution = distribution;
  }

  /** The carriers in use, the newest first. */
  get carriers(): readonly Carrier[] {
    if (this.transition) return [this.transition.newer, this.transition.older];
    return this.target ? [this.target] : [];
  }

  /** The newest of them that peers may use. */
  get inUse(): Carrier | undefined {
    const { transition } = this;
    return transition === undefined || transition.announced ? this.target : transition.older;
  }

  /** What a new configuration is to be compared with: the newest carrier but for one that an attempt may yet give up. */
  get base(): Carrier | undefined {
    const { transition } = this;
    return transition !== undefined && transition === this.tentative ? transition.older : this.target;
  }

  /** The open networks, the newest first. */
  get networks(): readonly Network[] {
    return this.carriers.flatMap(({ network }) => network ?? []);
  }

  /** The state of all networks that peers may use, as one; the MTU is the least of all that are open. */
  get state(): NetworkState | undefined {
    return joinedState(this.carriers, this.inUse);
  }

  /** All open networks as one. */
  get status(): NetworkStatus | undefined {
    return joinedStatus(this.networks);
  }

  /** Why a network is not open, in one line. */
  get waiting(): string | undefined {
    return this.carriers.find(({ waiting }) => waiting !== undefined)?.waiting;
  }

  /** Leads the peers to these carriers. `leases`: the peers, where they are known. */
  aim(leases: Iterable<Lease> | undefined): void {
    const [newer, older] = this.carriers;
    if (newer) this.#distribution.set(newer, older, leases);
  }
}
