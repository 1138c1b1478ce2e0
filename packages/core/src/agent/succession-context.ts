import type { Lease } from '../lease.js';
import type { Carrier } from './carrier.js';
import type { ChangeLog } from './change-log.js';
import type { Former } from './former-plan.js';
import type { LeaseFeed } from './lease-feed.js';
import type { Plan } from './plan.js';
import type { RetryPorts } from './retry.js';
import type { Tenancy } from './tenancy.js';

/** What a `Succession` works with, and whom it tells. */
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
export interface Attempt {
  readonly plan: Plan;
  readonly changes: readonly string[];
  readonly ending: AbortController;
  /** What is to carry it, as long as that is not among those in use. */
  carrier?: Carrier;
}
