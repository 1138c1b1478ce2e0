import { addressFamily } from '@overlay/core';
import type { Family, LeftOverPeers, OpenContext, Prefix } from '@overlay/core';
import type { Scope } from '../reconciler/scope.js';
import type { Claim } from '../reconciler/strays.js';
import type { OwnMark } from './design.js';

/**
 * What bears a network's marks, is found in the kernel and is not wanted: left over from another time. It may be what is
 * left of peers that have gone, or the way to peers of which a store that lost its content does not tell: whoever opened
 * the network is asked before it goes, once all of it has been found.
 */
export class LeftOver {
  readonly #scope: Scope;
  readonly #marks: readonly OwnMark[];
  readonly #mayGo: OpenContext['leftOver'];
  /** Subnets of peers for which something was found. */
  readonly #subnets = new Set<Prefix>();
  #any = false;
  #free: boolean;

  /** @param mayGo as of {@link OpenContext.leftOver}; without it nothing waits. */
  constructor(scope: Scope, marks: readonly OwnMark[], mayGo: OpenContext['leftOver']) {
    this.#scope = scope;
    this.#marks = marks;
    this.#mayGo = mayGo;
    this.#free = mayGo === undefined;
  }

  /**
   * Claims it for the scope. Everything wanted must have been set.
   *
   * @param again called when what was kept until then may go, to have it found once more
   */
  async claim(again: () => void): Promise<void> {
    const judged = (mark: OwnMark): Promise<void> =>
      new Promise((resolve) => this.#scope.claim(mark.kind, this.#claimOf(mark), resolve));
    await Promise.all(this.#marks.map(judged));
    if (this.#free) return;
    if (this.#subnets.size > 0) await this.#mayGo?.(this.#peers());
    this.#free = true;
    this.#subnets.clear();
    if (this.#any) again();
  }

  #claimOf({ claim, reaches }: OwnMark): Claim {
    return (actual, wanted) => {
      if (claim(actual, wanted) !== true) return false;
      if (this.#free) return true;
      if (reaches !== undefined) {
        const subnet = reaches(actual);
        if (subnet === undefined) return true;
        this.#subnets.add(subnet);
      }
      this.#any = true;
      return 'kept';
    };
  }

  #peers(): LeftOverPeers {
    const found: Record<Family, Set<Prefix>> = { ipv4: new Set(), ipv6: new Set() };
    for (const subnet of this.#subnets) found[addressFamily(subnet)].add(subnet);
    for (const { kind, reaches } of this.#marks) {
      if (reaches === undefined) continue;
      for (const object of this.#scope.seen(kind)) {
        const subnet = reaches(object);
        if (subnet !== undefined) found[addressFamily(subnet)].add(subnet);
      }
    }
    return { subnets: [...this.#subnets], found: { ipv4: found.ipv4.size, ipv6: found.ipv6.size } };
  }
}
