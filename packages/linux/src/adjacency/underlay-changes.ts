import type { Address, Prefix } from '@overlay/core';
import { OnLink } from './on-link.js';
import type { RouteAnswer } from './verdict.js';

/**
 * Changes of addresses and routes, gathered while they come in a burst, and the question whether an answer of the kernel's
 * routing may be another one by them. A pod that starts changes addresses and routes too, and concerns no peer.
 */
export class UnderlayChanges {
  #all = false;
  readonly #prefixes = new Set<Prefix>();
  /** Devices that lost an address: the kernel drops routes with that source without a word. */
  readonly #links = new Set<number>();
  #ranges: OnLink | undefined;

  /** Anything may have changed. */
  everything(): void {
    this.#all = true;
  }

  /** A route to a prefix, or the prefix of an address, has come or gone. */
  prefix(prefix: Prefix): void {
    this.#prefixes.add(prefix);
    this.#ranges = undefined;
  }

  /** A device has lost an address. */
  lostAddress(index: number): void {
    this.#links.add(index);
  }

  /** Takes over what others have gathered. */
  add({ all, prefixes, links }: UnderlayChanges): void {
    this.#all ||= all;
    for (const prefix of prefixes) this.prefix(prefix);
    for (const index of links) this.#links.add(index);
  }

  concern(address: Address, { index, gateway }: RouteAnswer): boolean {
    if (this.#all || (index !== undefined && this.#links.has(index))) return true;
    this.#ranges ??= new OnLink([...this.#prefixes]);
    return this.#ranges.has(address) || (gateway !== undefined && this.#ranges.has(gateway));
  }

  get all(): boolean {
    return this.#all;
  }

  get prefixes(): Iterable<Prefix> {
    return this.#prefixes;
  }

  get links(): Iterable<number> {
    return this.#links;
  }
}
