import { throwIfAborted } from '../errors.js';
import type { Dataplane } from './dataplane.js';
import type { Plan } from './plan.js';
import type { PendingConfiguration } from './status.js';

/** What a {@link Succession} works with, and whom it tells. */
export interface SuccessionContext {
  /** Makes the dataplane of a plan; nothing is touched yet. */
  create(plan: Plan): Dataplane;
  /** The dataplane is now the one in use and about to open; the one before is closed. */
  took(dataplane: Dataplane, plan: Plan): void;
  /** A plan did not come to carry. `carrying`: the one before still does. */
  failed(error: unknown, plan: Plan, carrying: boolean): void;
  /** Something failed on the side that does not keep a plan from being carried. */
  trouble(what: string, error: unknown): void;
  changed(): void;
}

/** A plan on its way to carry traffic. */
interface Attempt {
  readonly plan: Plan;
  readonly changes: readonly string[];
  readonly ending: AbortController;
  dataplane?: Dataplane;
}

/** Taking the lease back for the dataplane that stays. */
interface Resumption {
  readonly ending: AbortController;
  readonly done: Promise<void>;
}

/**
 * Sees to it that one dataplane follows the other. The next one joins while the present one carries; only when it holds
 * its lease is the present one closed and the next one opened. One that does not get so far leaves the present one as
 * it was.
 */
export class Succession {
  readonly #context: SuccessionContext;
  #present: Dataplane | undefined;
  #attempt: Attempt | undefined;
  #resumption: Resumption | undefined;
  /** Settles when every attempt so far has ended. */
  #idle: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(context: SuccessionContext) {
    this.#context = context;
  }

  /** The dataplane in use, else the one that is joining. */
  get dataplane(): Dataplane | undefined {
    return this.#present ?? this.#attempt?.dataplane;
  }

  /** Whether a network is open. */
  get carrying(): boolean {
    return this.#present?.network !== undefined;
  }

  /** The plan that is on its way. */
  get next(): Plan | undefined {
    return this.#attempt?.plan;
  }

  /** What is on its way to take the place of what carries. */
  get applying(): PendingConfiguration | undefined {
    if (this.#attempt === undefined || !this.carrying) return undefined;
    return { netConf: this.#attempt.plan.netConf, changes: this.#attempt.changes };
  }

  /**
   * Brings a plan to carry traffic, in the place of one that is still on its way. Resolves when its network is open.
   * Rejects when that does not come to be; the context has been told then.
   */
  take(plan: Plan, changes: readonly string[]): Promise<void> {
    this.giveUp();
    const attempt: Attempt = { plan, changes, ending: new AbortController() };
    this.#attempt = attempt;
    const outcome = this.#idle.then(() => this.#run(attempt));
    this.#idle = outcome.catch(() => undefined);
    return outcome;
  }

  /** Gives up what has not come to carry yet. */
  giveUp(): void {
    this.#attempt?.ending.abort();
    this.#attempt = undefined;
  }

  /** Closes what carries and gives up the rest. The packets keep flowing. */
  async end(): Promise<void> {
    this.#ended = true;
    this.giveUp();
    const [closing] = await Promise.allSettled([this.#present?.close(), this.#idle, this.#stopResuming()]);
    if (closing.status === 'rejected') throw closing.reason;
  }

  async #run(attempt: Attempt): Promise<void> {
    const { plan, ending } = attempt;
    const { signal } = ending;
    await this.#stopResuming();
    const before = this.#present;
    let dataplane: Dataplane | undefined;
    try {
      throwIfAborted('taking a configuration', signal);
      dataplane = this.#context.create(plan);
      attempt.dataplane = dataplane;
      before?.hold();
      this.#context.changed();
      await dataplane.join(signal);
      throwIfAborted('taking a configuration', signal);
      // From here on there is no way back, so nobody is to believe that the one before still carries.
      this.#present = undefined;
      await before?.close().catch((error: unknown) => this.#context.trouble('closing the network before', error));
      this.#present = dataplane;
      this.#context.took(dataplane, plan);
      await dataplane.open(signal);
      if (this.#attempt === attempt) this.#attempt = undefined;
      this.#context.changed();
    } catch (error) {
      await this.#undo(attempt, dataplane, before);
      if (!signal.aborted) this.#context.failed(error, plan, this.carrying);
      throw error;
    }
  }

  async #undo(attempt: Attempt, dataplane: Dataplane | undefined, before: Dataplane | undefined): Promise<void> {
    await dataplane?.close().catch((error: unknown) => this.#context.trouble('closing what did not open', error));
    if (this.#present === dataplane) this.#present = undefined;
    if (this.#attempt === attempt) this.#attempt = undefined;
    // A later attempt sees to the lease itself.
    if (dataplane === undefined || before === undefined || this.#present !== before) return;
    if (this.#ended || this.#attempt !== undefined) return;
    const ending = new AbortController();
    const done = before.resume(ending.signal).catch((error: unknown) => {
      if (!ending.signal.aborted) this.#context.trouble('taking the lease back', error);
    });
    this.#resumption = { ending, done };
  }

  async #stopResuming(): Promise<void> {
    const resumption = this.#resumption;
    this.#resumption = undefined;
    resumption?.ending.abort();
    await resumption?.done;
  }
}
