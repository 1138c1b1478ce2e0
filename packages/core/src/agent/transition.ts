import type { LeaseAttributes } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import type { Carrier } from './carrier.js';
import type { Distribution } from './distribution.js';
import { Publication } from './publication.js';

/** The most peers that are named one by one. */
const NAMED = 5;

/** What a {@link Transition} works with, and whom it tells. */
export interface TransitionContext {
  readonly clock: Clock;
  readonly distribution: Distribution;
  /** Milliseconds for which the old network stays open when no peer needs it any more. */
  readonly retireMs: number;
  /** Whether the peers are known. */
  informed(): boolean;
  /** What the store is known to have. */
  published(): LeaseAttributes | undefined;
  /** The lease is to publish this. */
  publish(attributes: LeaseAttributes): void;
  /** Nobody needs the old network any more, and nobody is told of it. Called once. */
  over(): void;
}

/**
 * The rules by which a host goes from one network to another under traffic. Both are open; what it publishes follows
 * from who publishes what:
 *
 * 1. The new endpoint is announced when its network is ready to receive, beside the old one.
 * 2. It becomes the primary one when every peer publishes it and is reached by it, and stays so as long as that holds.
 *    flanneld publishes one endpoint and follows the primary one only, so while there is a flanneld the old one stays.
 * 3. The old network closes when, for a time, the new endpoint has been the primary one of every peer, which then sends to
 *    this host by it. First the old one is published no more.
 */
export class Transition {
  readonly newer: Carrier;
  readonly older: Carrier;
  readonly changes: readonly string[];
  readonly #context: TransitionContext;
  readonly #announced: Set<Carrier>;
  readonly #publication = new Publication();
  #primary: Carrier;
  #cancelTimer: (() => void) | undefined;
  #retiring = false;
  #looking = false;
  #over = false;

  constructor(
    init: {
      readonly newer: Carrier;
      readonly older: Carrier;
      readonly primary: Carrier;
      /** Those whose endpoints peers may be using already. */
      readonly announced: readonly Carrier[];
      readonly changes: readonly string[];
    },
    context: TransitionContext,
  ) {
    this.newer = init.newer;
    this.older = init.older;
    this.changes = init.changes;
    this.#primary = init.primary;
    this.#announced = new Set(init.announced);
    this.#context = context;
  }

  get primary(): Carrier {
    return this.#primary;
  }

  /** Whether peers may use the new network. */
  get announced(): boolean {
    return this.#announced.has(this.newer);
  }

  get phase(): 'opening' | 'moving' | 'retiring' {
    if (!this.announced) return 'opening';
    return this.#cancelTimer !== undefined || this.#retiring ? 'retiring' : 'moving';
  }

  /** Those whose endpoints peers may be using. */
  get published(): readonly Carrier[] {
    return [...this.#announced];
  }

  /** What is to be published at present. */
  get attributes(): LeaseAttributes | undefined {
    const { newer, older } = this;
    const carriers = [newer, older].filter((carrier) => this.#announced.has(carrier));
    return this.#publication.of(this.#primary, this.#retiring ? [newer] : carriers);
  }

  /** Lets peers use a network; its endpoint is published from now on. */
  announce(carrier: Carrier): void {
    this.#announced.add(carrier);
    this.look();
  }

  /** Follows what may have changed: the peers, what the backends want published, what the store has. */
  look(): void {
    if (this.#looking || this.#over) return;
    this.#looking = true;
    try {
      this.#follow();
    } finally {
      this.#looking = false;
    }
  }

  /** How far it is and what it waits for, in one line. */
  progress(): string {
    const { newer, older } = this;
    const { without, unreached, behind } = this.#context.distribution;
    if (!this.announced) return `${newer.id} is being opened beside ${older.id}`;
    const primary = `both ${newer.id} and ${older.id} are open, ${this.#primary.id} is the primary one`;
    if (!this.#context.informed()) return `${primary}: the list of leases is to come`;
    if (without.size > 0) {
      return `${primary}: ${newer.id} is not published by ${named(without)}`;
    }
    if (unreached.size > 0) return `${primary}: ${newer.id} does not reach ${named(unreached)}`;
    if (behind.size > 0) return `${primary}: ${newer.id} is not the primary one of ${named(behind)}`;
    if (this.phase === 'retiring') return `every peer has ${newer.id}; ${older.id} is closed soon`;
    return `${primary}: being published`;
  }

  close(): void {
    this.#over = true;
    this.#stopTimer();
  }

  #follow(): void {
    const { distribution } = this.#context;
    const everybody = this.announced && distribution.without.size === 0 && distribution.unreached.size === 0;
    if (this.#context.informed()) this.#primary = everybody ? this.newer : this.older;
    const mayRetire = everybody && this.#context.informed() && distribution.behind.size === 0;
    if (!mayRetire) {
      this.#stopTimer();
      this.#retiring = false;
    }
    const wanted = this.attributes;
    if (wanted === undefined) return;
    this.#context.publish(wanted);
    if (this.#context.published() !== wanted) return;
    if (this.#retiring) {
      this.#over = true;
      this.#context.over();
    } else if (mayRetire) {
      this.#cancelTimer ??= this.#context.clock.after(this.#context.retireMs, () => {
        this.#cancelTimer = undefined;
        this.#retiring = true;
        this.look();
      });
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

function named(keys: ReadonlySet<string>): string {
  const some = [...keys].slice(0, NAMED).join(', ');
  const more = keys.size > NAMED ? ` and ${keys.size - NAMED} more` : '';
  return `${some}${more}`;
}
