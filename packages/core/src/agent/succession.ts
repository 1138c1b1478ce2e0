import { throwIfAborted } from '../errors.js';
import type { LeaseAttributes } from '../lease.js';
import type { OwnLeaseState } from '../subnet-manager.js';
import { Arrival } from './arrival.js';
import { Carriage } from './carriage.js';
import { Distribution } from './distribution.js';
import { Exchange } from './exchange.js';
import type { Plan } from './plan.js';
import type { ApplyingConfiguration } from './status.js';
import type { Attempt, SuccessionContext } from './succession-context.js';
import type { Tenancy } from './tenancy.js';

/** How a plan is to come into effect where another one is. */
export type Way = 'in-place' | 'beside';

/**
 * What carries this host's traffic: its lease and one network, or two while it goes from one configuration to the next.
 * Attempts to take a plan run one after the other; one that does not get so far that peers know of it leaves everything
 * as it was.
 */
export class Succession {
  readonly carriage: Carriage;
  readonly #context: SuccessionContext;
  readonly #distribution: Distribution;
  readonly #exchange: Exchange;
  readonly #arrival: Arrival;
  readonly #ending = new AbortController();
  #attempt: Attempt | undefined;
  /** Settles when every attempt so far has ended. */
  #idle: Promise<void> = Promise.resolve();
  /** Another lease is being taken in the place of a lost one. */
  #replacing: Promise<void> | undefined;

  constructor(context: SuccessionContext) {
    this.#context = context;
    this.#distribution = new Distribution(() => this.look());
    this.carriage = new Carriage(this.#distribution);
    const { signal } = this.#ending;
    const parts = { context, carriage: this.carriage, distribution: this.#distribution, signal };
    this.#exchange = new Exchange({
      ...parts,
      tenancy: () => this.#arrival.tenancy,
      informed: () => this.#arrival.snapshotApplied,
    });
    this.#arrival = new Arrival({ ...parts, exchange: this.#exchange, look: () => this.look() });
  }

  get #tenancy(): Tenancy | undefined {
    return this.#arrival.tenancy;
  }

  /** The lease held, and what is wrong with holding it. */
  get own(): OwnLeaseState | undefined {
    return this.#tenancy?.state;
  }

  /** Why there is no lease; undefined when nothing was begun yet. */
  get leaseWaiting(): string | undefined {
    return this.carriage.inUse?.source.problem ?? this.#tenancy?.waiting;
  }

  /** What keeps peers from being told how to reach this host. */
  get publishProblem(): string | undefined {
    if (this.own === undefined) return undefined;
    return this.#tenancy?.problem ?? this.carriage.carriers.find(({ source }) => source.problem)?.source.problem;
  }

  /** Whether there is no lease because a backend has not said what to publish, for which it needs the host. */
  get waitsForHost(): boolean {
    return this.#arrival.waitsForHost;
  }

  /** Whether the first snapshot of peers is in the networks, as far as it goes at the first try. */
  get snapshotApplied(): boolean {
    return this.#arrival.snapshotApplied;
  }

  /** Whether a network is open. */
  get carrying(): boolean {
    return this.#arrival.arrived;
  }

  /** The plan that is on its way. */
  get next(): Plan | undefined {
    return this.#attempt?.plan;
  }

  /** What is on its way to take the place of what carries, or has begun to. */
  get applying(): ApplyingConfiguration | undefined {
    const transition = this.carriage.transition;
    if (transition) {
      const { newer, changes, phase } = transition;
      return { netConf: newer.netConf, changes, phase, progress: transition.progress() };
    }
    if (this.#attempt === undefined || !this.carrying) return undefined;
    const { plan, changes, carrier } = this.#attempt;
    const progress = carrier?.source.problem ?? carrier?.waiting ?? 'the new configuration is being prepared';
    return { netConf: plan.netConf, changes, phase: 'opening', progress };
  }

  /**
   * Brings a plan into effect, in the place of one that is still on its way. Resolves when peers may use its network.
   * Rejects when that does not come to be; the context has been told then.
   */
  take(plan: Plan, changes: readonly string[], way: Way): Promise<void> {
    this.giveUp();
    const attempt: Attempt = { plan, changes, ending: new AbortController() };
    this.#attempt = attempt;
    const outcome = this.#idle.then(() => this.#run(attempt, way));
    this.#idle = outcome.catch(() => undefined);
    return outcome;
  }

  /** Goes back to the older of the two configurations that are in effect. */
  turnBack(): void {
    const { transition } = this.carriage;
    if (transition === undefined) return;
    this.#exchange.turnBack(transition);
    this.look();
  }

  /** Takes a configuration that no network need know of. */
  reconfigure(plan: Plan): void {
    this.carriage.target?.reconfigure(plan.netConf);
    this.#context.tookEffect();
    this.#exchange.rememberSoon();
  }

  /**
   * Takes another lease in the place of one that another host has now. Resolves to false when the lease is in order.
   * Rejects when aborted, or with an error that trying again cannot mend; then everything is as before. Whoever asks while
   * it is under way waits for the same.
   */
  async replaceLostLease(): Promise<boolean> {
    const [tenancy, inUse] = [this.#tenancy, this.carriage.inUse];
    if (tenancy?.state?.lost !== true || inUse === undefined) return false;
    const published = tenancy.state.lease.attributes;
    const attributes = (): LeaseAttributes => this.carriage.transition?.attributes ?? inUse.source.latest ?? published;
    this.#replacing ??= tenancy.acquire(inUse.netConf, attributes, this.#ending.signal).finally(() => {
      this.#replacing = undefined;
    });
    await this.#replacing;
    return true;
  }

  /** Gives up what peers do not know of yet. */
  giveUp(): void {
    this.#attempt?.ending.abort();
    this.#attempt = undefined;
  }

  /** Something has changed on which depends what is published, or which networks are open. */
  look(): void {
    if (this.#ending.signal.aborted) return;
    const target = this.carriage.target;
    if (this.carriage.transition) this.carriage.transition.look();
    else if (target?.source.latest !== undefined) this.#tenancy?.want(target.source.latest);
    this.#context.changed();
  }

  /** Closes what carries and gives up the rest. The packets keep flowing. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.giveUp();
    this.carriage.transition?.close();
    this.#distribution.close();
    this.#tenancy?.close();
    const closing = this.carriage.carriers.map((carrier) => carrier.close());
    const ends = await Promise.allSettled([...closing, ...this.#exchange.retiring, this.#idle]);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #run(attempt: Attempt, way: Way): Promise<void> {
    try {
      throwIfAborted('taking a configuration', attempt.ending.signal);
      if (!this.carrying) await this.#arrival.begin(attempt);
      else if (way === 'in-place') await this.#exchange.reopen(attempt);
      else await this.#exchange.open(attempt);
      this.#done(attempt);
      this.look();
    } catch (error) {
      this.#done(attempt);
      if (!attempt.ending.signal.aborted) this.#context.failed(error, attempt.plan, this.carrying);
      throw error;
    }
  }

  #done(attempt: Attempt): void {
    if (this.#attempt === attempt) this.#attempt = undefined;
  }
}
