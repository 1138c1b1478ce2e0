import { OverlayError } from '@overlay/core';
import { checkImplementation } from '../report/implementation.js';
import { registerSubject } from '../report/register-subject.js';
import { featureUntold } from '../suite/feature-untold.js';
import type { RunOptions } from '../suite/run-options.js';
import { within } from '../suite/until.js';
import { SubnetManagerTestContext } from './context.js';
import type { SubnetManagerSupports } from './features.js';
import { SUBNET_MANAGER_FEATURES } from './features.js';
import { SUBNET_MANAGER_PROFILES } from './profiles.js';
import type { SubnetManagerSubject } from './subject.js';
import { DEFAULT_SUBNET_MANAGER_TIMEOUTS } from './timeouts.js';

/** What {@link subnetManagerConformance} works from. */
export type SubnetManagerConformanceOptions = RunOptions & SubnetManagerSubject;

/**
 * Registers the tests that hold for any subnet manager. Which of them apply, `supports`
 * tells.
 *
 * @throws OverlayError `OVERLAY_PROFILE_UNKNOWN`, `OVERLAY_IMPLEMENTATION_INVALID`, `OVERLAY_FEATURE_UNKNOWN`,
 *   `OVERLAY_FEATURE_UNTOLD`.
 */
export function subnetManagerConformance(options: SubnetManagerConformanceOptions): void {
  const { create, supports, implementation, mode = 'default', environment = 'store' } = options;
  if (implementation) checkImplementation(implementation);
  checkSupports(supports);
  const timeouts = { ...DEFAULT_SUBNET_MANAGER_TIMEOUTS, ...options.timeouts };
  const project = implementation?.project ?? 'subnet manager';
  registerSubject(options, {
    name: options.name ?? `${project}${mode === 'default' ? '' : ` (${mode})`}`,
    subject: 'subnetManager',
    mode,
    environment: { name: environment },
    features: { ...supports },
    profiles: SUBNET_MANAGER_PROFILES,
    obstacle: () => undefined,
    ...(options.end && { end: options.end }),
    timeoutMs: timeouts.test + timeouts.cleanup,
    within: async (run) => {
      const context = new SubnetManagerTestContext(await create(), timeouts, supports);
      try {
        return await within('the whole test', timeouts.test, run(context));
      } finally {
        await context.close();
      }
    },
  });
}

/** A feature that is misspelt or left out would silently be one that is not tested. */
function checkSupports(supports: SubnetManagerSupports): void {
  const known: readonly string[] = SUBNET_MANAGER_FEATURES;
  const unknown = Object.keys(supports).find((feature) => !known.includes(feature));
  const untold = SUBNET_MANAGER_FEATURES.find((feature) => typeof supports[feature] !== 'boolean');
  if (unknown === undefined && untold !== undefined) throw featureUntold('supports', untold, supports[untold]);
  if (unknown === undefined) return;
  throw new OverlayError(
    'OVERLAY_FEATURE_UNKNOWN',
    `supports: expected only ${known.join(', ')}, got ${JSON.stringify(unknown)}`,
    { key: 'supports' },
  );
}
