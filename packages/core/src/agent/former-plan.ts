import { leadsWith, leaseAs } from '../endpoints.js';
import { errorText } from '../errors.js';
import type { Lease } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { ChangeLog } from './change-log.js';
import { compareConfigurations } from './configuration-change.js';
import { liveChange } from './live-change.js';
import type { Plan } from './plan.js';

/** A plan that was in effect before the agent started, beside which the new one is to be opened. */
export interface Former {
  readonly plan: Plan;
  readonly changes: readonly string[];
}

/** What a former plan is looked for with. */
export interface FormerSearch {
  /** The configurations on record, the newest first. */
  readonly recorded: readonly NetConf[];
  /** The lease that the store has for this host. */
  readonly previous: Lease;
  readonly log: ChangeLog;
  /** Makes a plan; throws what keeps that from being done. */
  readonly planFor: (netConf: NetConf) => Plan;
}

/**
 * Finds the plan by which peers may still send to this host, if it is another one than that to be taken, and if both can
 * be open at once. Of two the one that is the primary one of the lease: hosts that know of no other use it.
 */
export function findFormer(plan: Plan, { recorded, previous, log, planFor }: FormerSearch): Former | undefined {
  let found: Former | undefined;
  for (const netConf of recorded) {
    let former: Plan;
    try {
      former = planFor(netConf);
    } catch (error) {
      log.warn('former', `the recorded configuration cannot be used any more: ${errorText(error)}`);
      continue;
    }
    if (leaseAs(previous, former.backend) === undefined) continue;
    const how = liveChange(former, plan, previous.subnets);
    if (how.refused !== undefined) {
      const text = `the configuration before this one (backend ${netConf.backend.type}) is not kept open beside it`;
      log.warn('former', `${text}, so packets may be lost until peers have followed: ${how.refused}`);
      continue;
    }
    if (how.way !== 'beside') continue;
    const change = compareConfigurations(netConf, plan.netConf, previous.subnets);
    const candidate = { plan: former, changes: change.kind === 'none' ? [] : change.changes };
    if (found === undefined || leadsWith(previous, former.backend)) found = candidate;
  }
  return found;
}
