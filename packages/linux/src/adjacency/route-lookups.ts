import type { Address, Clock } from '@overlay/core';
import { Backoff } from '@overlay/core/store';
import type { LinkTable } from '../kernel/link-table.js';
import type { KernelSession } from '../kernel/session.js';
import { saysNoWay } from '../netlink/rtnetlink/no-way.js';
import { decodeRoute } from '../netlink/rtnetlink/route.js';
import { lookupRoute } from '../netlink/rtnetlink/route-requests.js';
import type { UnderlayChanges } from './underlay-changes.js';
import type { RouteAnswer } from './verdict.js';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

/** What {@link RouteLookups} work with, and whom they tell. */
export interface RouteLookupsContext {
  readonly session: KernelSession;
  readonly links: LinkTable;
  readonly clock: Clock;
  /** Whether an address is still of interest. */
  wanted(address: Address): boolean;
  /** The kernel's answers for these addresses are others than before, or the first ones. */
  changed(addresses: readonly Address[]): void;
}

/**
 * The kernel's answers to the question by which way packets to some addresses leave. An answer stays until there is another
 * one: that the kernel cannot be asked (out of memory, a socket that broke) says nothing of the way, and is tried again.
 */
export class RouteLookups {
  readonly #context: RouteLookupsContext;
  readonly #answers = new Map<Address, RouteAnswer>();
  readonly #asking = new Set<Address>();
  /** Asked for while they were being asked: the answer under way may be older than the change. */
  readonly #again = new Set<Address>();
  /** Those of which the kernel could not be asked. */
  readonly #open = new Set<Address>();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(context: RouteLookupsContext) {
    this.#context = context;
  }

  /** The last answer; undefined before the first one. */
  answer(address: Address): RouteAnswer | undefined {
    return this.#answers.get(address);
  }

  /** Asks for an address unless that is being done, or is to be tried again soon. */
  want(address: Address): void {
    if (!this.#asking.has(address) && !this.#open.has(address)) void this.#ask([address]);
  }

  /** Asks again what changes may concern. */
  async review(changes: UnderlayChanges): Promise<void> {
    const concerned: Address[] = [];
    for (const [address, answer] of this.#answers) if (changes.concern(address, answer)) concerned.push(address);
    for (const address of this.#asking) this.#again.add(address);
    await this.#ask(concerned);
  }

  forget(address: Address): void {
    this.#answers.delete(address);
    this.#open.delete(address);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
  }

  async #ask(addresses: readonly Address[]): Promise<void> {
    const changed: Address[] = [];
    await Promise.all(addresses.map(async (address) => ((await this.#askOne(address)) ? changed.push(address) : 0)));
    if (!this.#closed && changed.length > 0) this.#context.changed(changed);
  }

  /** Gives true when the answer is another one than before. */
  async #askOne(address: Address): Promise<boolean> {
    if (this.#asking.has(address)) return false;
    this.#asking.add(address);
    let answer: RouteAnswer | undefined;
    do {
      this.#again.delete(address);
      answer = await this.#lookup(address);
    } while (this.#again.has(address) && !this.#closed);
    this.#asking.delete(address);
    if (this.#closed || !this.#context.wanted(address)) return false;
    if (answer === undefined) {
      this.#open.add(address);
      this.#retrySoon();
      return false;
    }
    if (this.#open.delete(address) && this.#open.size === 0) this.#backoff.reset();
    const before = this.#answers.get(address);
    this.#answers.set(address, answer);
    return before === undefined || !sameAnswer(before, answer);
  }

  /** What the kernel says; undefined when it cannot be asked. */
  async #lookup(destination: Address): Promise<RouteAnswer | undefined> {
    const { session, links } = this.#context;
    try {
      await links.ready();
      const route = decodeRoute(await session.use((port) => port.query(lookupRoute({ destination }))));
      const index = route?.outIndex;
      const link = index === undefined ? undefined : links.byIndex(index)?.name;
      return {
        ...(route?.gateway === undefined ? {} : { gateway: route.gateway }),
        ...(index === undefined ? {} : { index }),
        ...(link === undefined ? {} : { link }),
      };
    } catch (error) {
      return saysNoWay(error) ? { problem: error.message } : undefined;
    }
  }

  #retrySoon(): void {
    if (this.#closed) return;
    this.#cancelRetry ??= this.#context.clock.after(this.#backoff.next(), () => {
      this.#cancelRetry = undefined;
      void this.#ask([...this.#open]);
    });
  }
}

function sameAnswer(a: RouteAnswer, b: RouteAnswer): boolean {
  return a.gateway === b.gateway && a.link === b.link && a.problem === b.problem;
}
