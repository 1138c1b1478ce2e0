import { errorText, OverlayError, throwIfAborted } from '../errors.js';
import type { Lease } from '../lease.js';
import type { OwnLeaseState } from '../subnet-manager.js';
import type { Carriage } from './carriage.js';
import type { Carrier } from './carrier.js';
import type { Distribution } from './distribution.js';
import type { Attempt, SuccessionContext } from './succession-context.js';
import type { Tenancy } from './tenancy.js';
import { Transition } from './transition.js';

/** What an {@link Exchange} works on. */
export interface ExchangeParts {
  readonly context: SuccessionContext;
  readonly carriage: Carriage;
  readonly distribution: Distribution;
  /** The agent ends. */
  readonly signal: AbortSignal;
  readonly tenancy: () => Tenancy | undefined;
  /** Whether the first snapshot of peers is in the networks. */
  readonly informed: () => boolean;
}

/**
 * Puts one network in the place of another: beside it, until no peer needs the older one any more, or where it was. What
 * does not get so far that peers know of it leaves everything as it was.
 */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #retiring = new Set<Promise<void>>();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** The networks that are being closed. */
  get retiring(): Iterable<Promise<void>> {
    return this.#retiring;
  }

  /** From here on there are two carriers. */
  begin(init: ConstructorParameters<typeof Transition>[0]): Transition {
    const { context, carriage, distribution, informed, tenancy } = this.#parts;
    carriage.transition = new Transition(init, {
      clock: context.clock,
      retireMs: context.retireMs,
      distribution,
      informed,
      published: () => tenancy()?.published,
      publish: (attributes) => tenancy()?.want(attributes),
      over: () => this.#retire(),
    });
    return carriage.transition;
  }

  /** Opens a second network beside the one that carries, and lets peers use it once it can receive. */
  async open(attempt: Attempt): Promise<void> {
    const { plan, changes, ending } = attempt;
    const { context, carriage, distribution } = this.#parts;
    const { signal } = ending;
    const older = carriage.target as Carrier;
    if (carriage.transition) throw busy(carriage.transition);
    const newer = context.createCarrier(plan);
    attempt.carrier = newer;
    newer.start(this.#own());
    let transition: Transition | undefined;
    try {
      await newer.source.first(signal);
      newer.follow(this.#own());
      await newer.open(signal);
      carriage.target = newer;
      transition = this.begin({ newer, older, primary: older, announced: [older], changes });
      carriage.tentative = transition;
      this.#aim();
      context.tookEffect();
      await newer.ready(signal);
      distribution.look();
      await context.remember([newer.plan, older.plan], signal);
      throwIfAborted('taking a configuration', signal);
    } catch (error) {
      await this.#giveBack(older, newer, transition);
      throw error;
    }
    carriage.tentative = undefined;
    context.log.info('transition', `${newer.id} is open beside ${older.id}, and published`);
    transition.announce(newer);
    context.tookEffect();
  }

  /** Opens a network for a plan that is the same one to the peers, where the old one was. */
  async reopen({ plan, ending }: Attempt): Promise<void> {
    const { context, carriage, signal } = this.#parts;
    const target = carriage.target as Carrier;
    const before = target.plan;
    try {
      await target.reopen(plan, ending.signal);
    } catch (error) {
      // Whatever came in between: without a network nothing would be held or healed.
      await target.reopen(before, signal);
      this.#aim();
      throw error;
    }
    this.#aim();
    context.tookEffect();
    this.rememberSoon();
  }

  /** Makes the older carrier the one to go to. */
  turnBack(transition: Transition): void {
    const { newer, older, primary, changes, published: announced } = transition;
    transition.close();
    this.#parts.carriage.target = older;
    this.begin({ newer: older, older: newer, primary, announced, changes: [...changes, 'taken back'] });
    this.#aim();
    this.#parts.context.tookEffect();
    this.rememberSoon();
  }

  /** Goes on with an exchange that an earlier run of the agent had begun, once the newer network can receive. */
  async announceWhenReady(transition: Transition): Promise<void> {
    const { context, carriage, distribution, signal } = this.#parts;
    const { newer, older } = transition;
    try {
      await context.remember([newer.plan, older.plan], signal);
      await newer.ready(signal);
      distribution.look();
      if (carriage.transition === transition && !transition.announced) transition.announce(newer);
      context.tookEffect();
    } catch (error) {
      if (!signal.aborted) this.trouble('going on with a change of the configuration', error);
    }
  }

  /** Has it recorded which plans are in effect; nobody waits for it. */
  rememberSoon(): void {
    const { context, carriage, signal } = this.#parts;
    const plans = carriage.carriers.map(({ plan }) => plan);
    context.remember(plans, signal).catch((error: unknown) => {
      if (!signal.aborted) this.trouble('recording the configuration in effect', error);
    });
  }

  /** What went wrong without an effect on what carries. */
  trouble(what: string, error: unknown): void {
    this.#parts.context.log.warn(`trouble ${what}`, `${what}: ${errorText(error)}`);
  }

  #own(): Lease {
    return (this.#parts.tenancy()?.state as OwnLeaseState).lease;
  }

  #aim(): void {
    const { context, carriage, signal } = this.#parts;
    if (!signal.aborted) carriage.aim(context.feed.accepted());
  }

  /** Leaves everything to the older carrier again, after the newer one did not come into effect. */
  async #giveBack(older: Carrier, newer: Carrier, transition: Transition | undefined): Promise<void> {
    const { context, carriage, signal } = this.#parts;
    transition?.close();
    // An agent that ends leaves the kernel as it is, for the next one to go on from there.
    const ends = signal.aborted;
    if (transition && !ends) {
      carriage.transition = carriage.tentative = undefined;
      carriage.target = older;
      this.#aim();
      context.tookEffect();
    }
    await newer.close({ remove: !ends }).catch((error: unknown) => this.trouble('closing what did not open', error));
    if (transition && !ends) this.rememberSoon();
  }

  /** Nobody needs the old network any more. */
  #retire(): void {
    const { context, carriage, signal } = this.#parts;
    const { older, newer } = carriage.transition as Transition;
    carriage.transition = undefined;
    this.#aim();
    context.log.info('transition', `${older.id} is closed: every peer has ${newer.id}`);
    const removed = older
      .close({ remove: true })
      .catch((error: unknown) => this.trouble('closing the network before', error))
      .then(() => {
        if (!signal.aborted) this.rememberSoon();
      })
      .finally(() => this.#retiring.delete(removed));
    this.#retiring.add(removed);
    context.tookEffect();
  }
}

/** The error of another change while one is under way. */
export function busy({ newer, older }: Transition): OverlayError {
  return new OverlayError(
    'OVERLAY_NOT_LIVE',
    `taking a configuration: the change from ${older.id} to ${newer.id} is still under way; wait until it has ended, ` +
      'or take it back',
  );
}
