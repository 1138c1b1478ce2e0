import { errorText, OverlayError, throwIfAborted } from '../errors.js';
import type { Lease, LeaseAttributes } from '../lease.js';
import type { OwnLeaseState } from '../subnet-manager.js';
import { Carriage } from './carriage.js';
import type { Carrier } from './carrier.js';
import type { ChangeLog } from './change-log.js';
import { Distribution } from './distribution.js';
import type { LeaseFeed } from './lease-feed.js';
import type { Former } from './former-plan.js';
import type { Plan } from './plan.js';
import type { RetryPorts } from './retry.js';
import { failureText, retry } from './retry.js';
import type { ApplyingConfiguration } from './status.js';
import type { Tenancy } from './tenancy.js';
import { Transition } from './transition.js';

/** How a plan is to come into effect where another one is. */
export type Way = 'in-place' | 'beside';

/** What a {@link Succession} works with, and whom it tells. */
export interface SuccessionContext extends RetryPorts {
  readonly feed: LeaseFeed;
  readonly log: ChangeLog;
  /** Milliseconds for which an old network stays open when no peer needs it any more. */
  readonly retireMs: number;
  /** Makes what carries a plan; nothing is touched yet. */
  createCarrier(plan: Plan): Carrier;
  createTenancy(leaseChanged: (lease: Lease) => void): Tenancy;
  /** The plan that carried before the agent started and that peers still use, by the lease that the store has. */
  former(plan: Plan, previous: Lease | undefined): Former | undefined;
  /** Resolves when it is on record that these plans, the newest first, are in effect. Rejects when aborted. */
  remember(plans: readonly Plan[], signal: AbortSignal): Promise<void>;
  /** Which plans are in effect, or the own lease, is another. */
  tookEffect(): void;
  /** A plan did not come into effect. `carrying`: the one before still is. */
  failed(error: unknown, plan: Plan, carrying: boolean): void;
  changed(): void;
}

/** A plan on its way. */
interface Attempt {
  readonly plan: Plan;
  readonly changes: readonly string[];
  readonly ending: AbortController;
  /** What is to carry it, as long as that is not among those in use. */
  carrier?: Carrier;
}

/**
 * What carries this host's traffic: its lease and one network, or two while it goes from one configuration to the next.
 * Attempts to take a plan run one after the other; one that does not get so far that peers know of it leaves everything
 * as it was.
 */
export class Succession {
  readonly carriage: Carriage;
  readonly #context: SuccessionContext;
  readonly #distribution: Distribution;
  readonly #ending = new AbortController();
  #tenancy: Tenancy | undefined;
  #attempt: Attempt | undefined;
  #waitsForHost = false;
  #joined = false;
  #carrying = false;
  #snapshotApplied = false;
  /** Settles when every attempt so far has ended. */
  #idle: Promise<void> = Promise.resolve();
  readonly #retiring = new Set<Promise<void>>();
  /** Another lease is being taken in the place of a lost one. */
  #replacing: Promise<void> | undefined;

  constructor(context: SuccessionContext) {
    this.#context = context;
    this.#distribution = new Distribution(() => this.look());
    this.carriage = new Carriage(this.#distribution);
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
    return this.#waitsForHost;
  }

  /** Whether the first snapshot of peers is in the networks, as far as it goes at the first try. */
  get snapshotApplied(): boolean {
    return this.#snapshotApplied;
  }

  /** Whether a network is open. */
  get carrying(): boolean {
    return this.#carrying;
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
    if (this.#attempt === undefined || !this.#carrying) return undefined;
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
    const transition = this.carriage.transition;
    if (transition === undefined) return;
    const { newer, older, primary, changes } = transition;
    const announced = transition.published;
    transition.close();
    this.carriage.target = older;
    this.#begin({ newer: older, older: newer, primary, announced, changes: [...changes, 'taken back'] });
    this.#aim(this.#context.feed.accepted());
    this.#context.tookEffect();
    this.#rememberSoon();
    this.look();
  }

  /** Takes a configuration that no network need know of. */
  reconfigure(plan: Plan): void {
    this.carriage.target?.reconfigure(plan.netConf);
    this.#context.tookEffect();
    this.#rememberSoon();
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
    const ends = await Promise.allSettled([...closing, ...this.#retiring, this.#idle]);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #run(attempt: Attempt, way: Way): Promise<void> {
    try {
      throwIfAborted('taking a configuration', attempt.ending.signal);
      if (!this.#carrying) await this.#start(attempt);
      else if (way === 'in-place') await this.#reopen(attempt);
      else await this.#open(attempt);
      this.#done(attempt);
      this.look();
    } catch (error) {
      this.#done(attempt);
      if (!attempt.ending.signal.aborted) this.#context.failed(error, attempt.plan, this.#carrying);
      throw error;
    }
  }

  #done(attempt: Attempt): void {
    if (this.#attempt === attempt) this.#attempt = undefined;
  }

  /** From nothing: takes a lease, then opens the network, or the two of a change that an earlier run had begun. */
  async #start(attempt: Attempt): Promise<void> {
    const { plan, ending } = attempt;
    const { signal } = ending;
    const tenancy = this.#context.createTenancy((lease) => this.#leaseChanged(lease));
    this.#tenancy = tenancy;
    const target = this.#context.createCarrier(plan);
    this.carriage.target = target;
    try {
      const previous = await tenancy.previous(signal);
      const former = this.#context.former(plan, previous);
      if (former) this.#resume(target, this.#context.createCarrier(former.plan), former.changes, previous);
      await this.#join(tenancy, previous, signal);
      this.#joined = true;
      this.#leaseChanged((tenancy.state as OwnLeaseState).lease);
      await Promise.all(this.carriage.carriers.map((carrier) => carrier.open(signal)));
      this.#carrying = true;
    } catch (error) {
      await this.#discard();
      throw error;
    }
    void this.#attach();
    void this.#announceWhenReady(this.carriage.transition);
  }

  /** Goes on with a change between two configurations, as far as peers know of it by the lease that the store has. */
  #resume(target: Carrier, older: Carrier, changes: readonly string[], previous: Lease | undefined): void {
    const known = [target, older].filter((carrier) => previous && carrier.viewOf(previous) !== undefined);
    const leads = previous !== undefined && target.leads(previous);
    const announced = known.length > 0 ? known : [older];
    this.#begin({ newer: target, older, primary: leads ? target : older, announced, changes });
    this.#context.log.info('resume', `going on from ${older.id} to ${target.id}, as recorded`);
  }

  async #join(tenancy: Tenancy, previous: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { carriers } = this.carriage;
    this.#waitsForHost = true;
    tenancy.waitsFor(
      `what backend ${carriers.map(({ backend }) => backend.type).join(' and ')} publishes for this host`,
    );
    for (const carrier of carriers) carrier.start(previous);
    await Promise.all(carriers.map(({ source }) => source.first(signal)));
    this.#waitsForHost = false;
    const attributes = (): LeaseAttributes =>
      (this.carriage.transition?.attributes ?? carriers[0].source.latest) as LeaseAttributes;
    await tenancy.acquire(carriers[0].netConf, attributes, signal);
    throwIfAborted('taking a configuration', signal);
  }

  /** Leads the peers to the networks, all of which get them in one turn: what one does not want may be another's. */
  async #attach(): Promise<void> {
    const { feed, log } = this.#context;
    const { signal } = this.#ending;
    const what = 'applying the leases';
    try {
      this.#aim(undefined);
      await feed.attach((update) => this.#distribution.apply(update), signal);
      this.look();
      await retry(this.#context, {
        what: 'applying the first snapshot of leases',
        signal,
        attempt: async () => {
          await Promise.all(this.carriage.networks.map((network) => network.settled({ signal })));
        },
        failed: (error, delayMs) => log.warn('settle', failureText(what, error, delayMs)),
      });
    } catch (error) {
      // Closing is the only way out of waiting for the first snapshot.
      if (!signal.aborted) log.error('settle', `${what}: ${errorText(error)}`);
      return;
    }
    this.#snapshotApplied = true;
    // Until here the record names networks in which there may be something of ours that is not wanted any more.
    this.#rememberSoon();
    this.look();
  }

  /** Opens a second network beside the one that carries, and lets peers use it once it can receive. */
  async #open(attempt: Attempt): Promise<void> {
    const { plan, changes, ending } = attempt;
    const { signal } = ending;
    const older = this.carriage.target as Carrier;
    if (this.carriage.transition) throw busy(this.carriage.transition);
    const newer = this.#context.createCarrier(plan);
    attempt.carrier = newer;
    newer.start((this.own as OwnLeaseState).lease);
    let transition: Transition | undefined;
    try {
      await newer.source.first(signal);
      newer.follow((this.own as OwnLeaseState).lease);
      await newer.open(signal);
      this.carriage.target = newer;
      transition = this.#begin({ newer, older, primary: older, announced: [older], changes });
      this.carriage.tentative = transition;
      this.#aim(this.#context.feed.accepted());
      this.#context.tookEffect();
      await newer.ready(signal);
      this.#distribution.look();
      await this.#context.remember([newer.plan, older.plan], signal);
      throwIfAborted('taking a configuration', signal);
    } catch (error) {
      await this.#giveBack(older, newer, transition);
      throw error;
    }
    this.carriage.tentative = undefined;
    this.#context.log.info('transition', `${newer.id} is open beside ${older.id}, and published`);
    transition.announce(newer);
    this.#context.tookEffect();
  }

  /** Leaves everything to the older carrier again, after the newer one did not come into effect. */
  async #giveBack(older: Carrier, newer: Carrier, transition: Transition | undefined): Promise<void> {
    transition?.close();
    // An agent that ends leaves the kernel as it is, for the next one to go on from there.
    const ends = this.#ending.signal.aborted;
    if (transition && !ends) {
      this.carriage.transition = this.carriage.tentative = undefined;
      this.carriage.target = older;
      this.#aim(this.#context.feed.accepted());
      this.#context.tookEffect();
    }
    await newer.close({ remove: !ends }).catch((error: unknown) => this.#trouble('closing what did not open', error));
    if (transition && !ends) this.#rememberSoon();
  }

  /** Opens a network for a plan that is the same one to the peers, where the old one was. */
  async #reopen({ plan, ending }: Attempt): Promise<void> {
    const target = this.carriage.target as Carrier;
    const before = target.plan;
    try {
      await target.reopen(plan, ending.signal);
    } catch (error) {
      // Whatever came in between: without a network nothing would be held or healed.
      await target.reopen(before, this.#ending.signal);
      this.#aim(this.#context.feed.accepted());
      throw error;
    }
    this.#aim(this.#context.feed.accepted());
    this.#context.tookEffect();
    this.#rememberSoon();
  }

  #begin(init: ConstructorParameters<typeof Transition>[0]): Transition {
    const { clock, retireMs } = this.#context;
    this.carriage.transition = new Transition(init, {
      clock,
      retireMs,
      distribution: this.#distribution,
      informed: () => this.#snapshotApplied,
      published: () => this.#tenancy?.published,
      publish: (attributes) => this.#tenancy?.want(attributes),
      over: () => this.#retire(),
    });
    return this.carriage.transition;
  }

  async #announceWhenReady(transition: Transition | undefined): Promise<void> {
    if (transition === undefined) return;
    const { signal } = this.#ending;
    const { newer, older } = transition;
    try {
      await this.#context.remember([newer.plan, older.plan], signal);
      await newer.ready(signal);
      this.#distribution.look();
      if (this.carriage.transition === transition && !transition.announced) transition.announce(newer);
      this.#context.tookEffect();
    } catch (error) {
      if (!signal.aborted) this.#trouble('going on with a change of the configuration', error);
    }
  }

  /** Nobody needs the old network any more. */
  #retire(): void {
    const transition = this.carriage.transition as Transition;
    const { older, newer } = transition;
    this.carriage.transition = undefined;
    this.#aim(this.#context.feed.accepted());
    this.#context.log.info('transition', `${older.id} is closed: every peer has ${newer.id}`);
    const removed = older
      .close({ remove: true })
      .catch((error: unknown) => this.#trouble('closing the network before', error))
      .then(() => {
        if (!this.#ending.signal.aborted) this.#rememberSoon();
      })
      .finally(() => this.#retiring.delete(removed));
    this.#retiring.add(removed);
    this.#context.tookEffect();
  }

  #aim(leases: Iterable<Lease> | undefined): void {
    if (!this.#ending.signal.aborted) this.carriage.aim(leases);
  }

  #rememberSoon(): void {
    const { signal } = this.#ending;
    const plans = this.carriage.carriers.map(({ plan }) => plan);
    this.#context.remember(plans, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#trouble('recording the configuration in effect', error);
    });
  }

  #leaseChanged(lease: Lease): void {
    if (!this.#joined) return;
    for (const carrier of this.carriage.carriers) carrier.follow(lease);
    this.#context.tookEffect();
  }

  /** Nothing came of the first attempt. */
  async #discard(): Promise<void> {
    const { carriers } = this.carriage;
    this.carriage.transition?.close();
    this.carriage.transition = undefined;
    this.carriage.target = undefined;
    this.#tenancy?.close();
    this.#tenancy = undefined;
    this.#joined = false;
    this.#waitsForHost = false;
    for (const carrier of carriers) {
      await carrier.close().catch((error: unknown) => this.#trouble('closing what did not open', error));
    }
  }

  #trouble(what: string, error: unknown): void {
    this.#context.log.warn(`trouble ${what}`, `${what}: ${errorText(error)}`);
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
