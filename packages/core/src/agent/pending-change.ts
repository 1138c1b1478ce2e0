import { errorText, OverlayError } from '../errors.js';
import type { Logger } from '../ports/logger.js';
import type { Carrier } from './carrier.js';
import type { ChangeLog } from './change-log.js';
import { compareConfigurations, sameConfiguration } from './configuration-change.js';
import { liveChange } from './live-change.js';
import type { Plan } from './plan.js';
import type { PendingConfiguration } from './status.js';
import { busy } from './exchange.js';
import type { Succession, Way } from './succession.js';

/** A configuration that waits, and how it would be taken. */
interface Pending extends PendingConfiguration {
  readonly plan: Plan;
  /** `back`: to the older of two that are in effect. */
  readonly way?: Way | 'back';
}

/** What a {@link PendingChange} works with. */
export interface PendingChangeContext {
  readonly succession: Succession;
  /** Whether what moves traffic is taken at once. */
  readonly atOnce: boolean;
  readonly log: ChangeLog;
  readonly logger: Logger;
}

/**
 * What becomes of a configuration that is to take the place of one that carries: it is taken at once when that moves no
 * traffic, else it waits until somebody wants it, and for as long as it cannot be taken under traffic.
 */
export class PendingChange {
  readonly #context: PendingChangeContext;
  #pending: Pending | undefined;

  constructor(context: PendingChangeContext) {
    this.#context = context;
  }

  /** The configuration that waits. */
  get shown(): PendingConfiguration | undefined {
    if (this.#pending === undefined) return undefined;
    const { netConf, changes, refused } = this.#pending;
    return { netConf, changes, ...(refused !== undefined && { refused }) };
  }

  /** Nothing waits any more. */
  drop(): void {
    this.#pending = undefined;
  }

  /** Sees to it that a plan takes the place of one that carries. */
  consider(plan: Plan, base: Carrier): void {
    const { succession, logger } = this.#context;
    const { transition } = succession.carriage;
    const own = succession.own?.lease.subnets ?? {};
    const { netConf } = plan;
    const change = compareConfigurations(base.netConf, netConf, own, base.backend.liveOptions);
    if (change.kind === 'none') return;
    const { changes } = change;
    const how = liveChange(base.plan, plan, own);
    if (change.kind === 'live' && !change.reopens) {
      if (changes.length > 0) logger.info(`configuration changed: ${changes.join('; ')}`);
      succession.reconfigure(plan);
    } else if (change.kind === 'live' && how.refused === undefined && how.way === 'in-place') {
      logger.info(`configuration changed: ${changes.join('; ')}`);
      // Whoever wants to know the outcome learns it from the status.
      succession.take(plan, changes, 'in-place').catch(() => undefined);
    } else if (transition && sameConfiguration(transition.older.netConf, netConf)) {
      this.#wait({ netConf, plan, changes, way: 'back' });
    } else if (how.refused !== undefined) {
      this.#wait({ netConf, plan, changes, refused: how.refused });
    } else if (how.way === 'beside' && transition && transition.newer === base) {
      this.#wait({ netConf, plan, changes, refused: errorText(busy(transition)) });
    } else {
      this.#wait({ netConf, plan, changes, way: how.way });
    }
  }

  /** Looks again at one that could not be taken: what carries is another. */
  reconsider(): void {
    const { base, transition } = this.#context.succession.carriage;
    const waiting = this.#pending;
    if (waiting?.refused === undefined || transition !== undefined || !base) return;
    this.#pending = undefined;
    this.consider(waiting.plan, base);
  }

  /**
   * Takes the one that waits; false when there is none. Rejects when it does not come into effect; one that cannot be taken
   * under traffic goes on waiting.
   */
  async apply(): Promise<boolean> {
    const { succession } = this.#context;
    const pending = this.#pending;
    if (pending === undefined) return false;
    const { refused, way, plan, changes } = pending;
    if (refused !== undefined || way === undefined) {
      throw new OverlayError(
        'OVERLAY_NOT_LIVE',
        `taking the pending configuration: ${refused}; the one before stays, and the agent takes it when it starts again`,
      );
    }
    this.#pending = undefined;
    if (way === 'back') succession.turnBack();
    else await succession.take(plan, changes, way);
    return true;
  }

  #wait(pending: Pending): void {
    const { atOnce, log, logger } = this.#context;
    const { changes, refused, way } = pending;
    const text = changes.join('; ');
    this.#pending = pending;
    if (refused !== undefined) {
      log.warn('pending', `a changed configuration is not taken under traffic: ${text}: ${refused}`);
    } else if (atOnce && way !== undefined) {
      logger.info(`taking a changed configuration: ${text}`);
      this.apply().catch(() => undefined);
    } else {
      log.warn('pending', `a changed configuration is pending, since it moves traffic: ${text}`);
    }
  }
}
