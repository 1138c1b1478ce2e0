import type { BackendFactory, BackendSupports, JsonObject } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { checkImplementation } from '../report/implementation.js';
import { registerSubject } from '../report/register-subject.js';
import { featureUntold } from '../suite/feature-untold.js';
import type { RunOptions } from '../suite/run-options.js';
import { within } from '../suite/until.js';
import type { BackendTestContext } from './context.js';
import type { FamilyChoice } from './environment/conf.js';
import { confOf } from './environment/conf.js';
import { kernelEnvironment } from './environment/kernel/kernel-environment.js';
import type { BackendEnvironment } from './environment/environment.js';
import type { WorldInit } from './environment/world.js';
import { World } from './environment/world.js';
import { supportsByFeature, untold } from './features.js';
import { KNOWN_COUNTERPARTS } from './interop/known.js';
import { BACKEND_PROFILES } from './profiles.js';
import type { BackendSubject } from './subject.js';
import { DEFAULT_BACKEND_TIMEOUTS } from './timeouts.js';

/**
 * What {@link backendConformance} works from. Without an environment it is {@link kernelEnvironment}, for factories that
 * take `Linux`.
 */
export type BackendConformanceOptions<Platform> = RunOptions &
  Omit<BackendSubject<Platform>, 'environment'> & {
    readonly environment?: BackendEnvironment<Platform>;
  };

/**
 * Registers the tests that hold for any backend. Which of them apply, the backend's own `supports` tells.
 *
 * @throws OverlayError `OVERLAY_PROFILE_UNKNOWN`, `OVERLAY_IMPLEMENTATION_INVALID`, `OVERLAY_FEATURE_UNTOLD`.
 */
export function backendConformance(options: BackendConformanceOptions<Linux>): void;
export function backendConformance<Platform>(options: RunOptions & BackendSubject<Platform>): void;
export function backendConformance<Platform>(options: BackendConformanceOptions<Platform>): void {
  const { beside, mode = 'default', implementation } = options;
  if (implementation) checkImplementation(implementation);
  const timeouts = { ...DEFAULT_BACKEND_TIMEOUTS, ...options.timeouts };
  // What a test does with a platform is to hand it to the factory that goes with it.
  const environment = (options.environment ?? kernelEnvironment()) as BackendEnvironment<unknown>;
  const factory = options.factory as (platform: unknown) => BackendFactory;
  const { type, supports } = environment.inspect((platform) => promised(factory(platform), options.options ?? {}));
  const init: WorldInit = { environment, factory, timeouts, type, options: options.options ?? {} };
  const single: FamilyChoice = supports.ipv4 ? 'ipv4' : 'ipv6';
  const widest: FamilyChoice = supports.dualStack ? 'dual' : single;
  checkSupports(type, supports);
  const features = supportsByFeature(supports);
  registerSubject(options, {
    name: options.name ?? `${implementation?.project ?? type}${mode === 'default' ? '' : ` (${mode})`}`,
    subject: 'backend',
    mode,
    environment: { name: environment.name, ...environment.facts() },
    features,
    profiles: BACKEND_PROFILES,
    obstacle: (needs) => environment.obstacle(needs),
    timeoutMs: timeouts.test + timeouts.cleanup,
    within: async (run) => {
      const worlds: World[] = [];
      const context: BackendTestContext = {
        ...{ supports, timeouts, widest, single, beside, type, options: init.options },
        inspect: (read) => environment.inspect((platform) => read(factory(platform))),
        counterpart: options.counterpart ?? KNOWN_COUNTERPARTS.find((known) => known.type === type),
        world: async (wish) => {
          const world = await World.create(init, { family: widest, ...wish });
          worlds.push(world);
          return world;
        },
      };
      return await runAndClean(() => within('the whole test', timeouts.test, run(context)), worlds);
    },
  });
}

/** A feature that is not told would silently be one that is not tested, also where `declares` does not run. */
function checkSupports(type: string, supports: BackendSupports): void {
  const [feature] = untold(supports);
  if (feature !== undefined) throw featureUntold(`supports of the backend ${type}`, feature, supports[feature]);
}

/** What a backend of the factory promises with some options. */
function promised(
  factory: BackendFactory,
  options: JsonObject,
): { readonly type: string; readonly supports: BackendSupports } {
  const { type, supports } = factory;
  const families: FamilyChoice = supports.dualStack ? 'dual' : supports.ipv4 ? 'ipv4' : 'ipv6';
  try {
    const netConf = confOf(type, options, families);
    return { type, supports: factory.create({ netConf, hostId: 'h1' }).supports };
  } catch {
    // The test `declares` makes one too, and says what is wrong.
    return { type, supports };
  }
}

/** Runs a test and cleans up in any case; of two failures the test's own counts. */
async function runAndClean<T>(run: () => Promise<T>, worlds: readonly World[]): Promise<T> {
  let result: T;
  try {
    result = await run();
  } catch (error) {
    const logged = worlds.flatMap(({ log }) => log.lines);
    for (const world of worlds) await world.close().catch(() => undefined);
    if (error instanceof Error && logged.length > 0) error.message += `\nWhat was logged last:\n${logged.join('\n')}`;
    throw error;
  }
  for (const world of worlds) await world.close();
  return result;
}
