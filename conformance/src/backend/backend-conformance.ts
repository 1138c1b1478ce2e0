import type { BackendFactory, JsonObject } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import type { TestFramework } from '../suite/framework.js';
import { register } from '../suite/register.js';
import type { Outcome } from '../suite/test-record.js';
import type { BackendTest, BackendTestContext } from './context.js';
import type { FamilyChoice, WorldInit } from './environment/world.js';
import { World } from './environment/world.js';
import { BACKEND_TESTS } from './tests.js';
import type { BackendTimeouts } from './timeouts.js';
import { DEFAULT_BACKEND_TIMEOUTS } from './timeouts.js';

/** What {@link backendConformance} works from. */
export interface BackendConformanceOptions {
  readonly framework: TestFramework;
  /** Under which name the results appear. */
  readonly name: string;
  /** Makes the backend for one host; called many times. */
  readonly factory: (linux: Linux) => BackendFactory;
  /** Options of `Backend` in net-conf.json, without `Type`. */
  readonly options?: JsonObject;
  /**
   * Options with which a second network of the type can run beside the first in one network namespace. Leave it out for a
   * type of which there can be only one.
   */
  readonly beside?: JsonObject;
  readonly timeouts?: Partial<BackendTimeouts>;
  /** Only these tests; all unless told. */
  readonly tests?: readonly BackendTest[];
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** Registers the tests that hold for any backend. Which of them apply, the backend's own `supports` tells. */
export function backendConformance(options: BackendConformanceOptions): void {
  const { framework, name, factory, beside, tests = BACKEND_TESTS, onOutcome } = options;
  const timeouts = { ...DEFAULT_BACKEND_TIMEOUTS, ...options.timeouts };
  const { type, supports } = declared(factory);
  const init: WorldInit = { factory, timeouts, type, options: options.options ?? {} };
  const single: FamilyChoice = supports.ipv4 ? 'ipv4' : 'ipv6';
  const widest: FamilyChoice = supports.dualStack ? 'dual' : single;
  register({
    framework,
    name,
    tests,
    supports: (feature) => supports[feature],
    timeoutMs: timeouts.test,
    ...(onOutcome ? { onOutcome } : {}),
    within: async (run) => {
      const worlds: World[] = [];
      const context: BackendTestContext = {
        ...{ supports, timeouts, widest, single, beside, type, options: init.options },
        world: async (wish) => {
          const world = await World.create(init, { family: widest, ...wish });
          worlds.push(world);
          return world;
        },
      };
      return await runAndClean(() => run(context), worlds);
    },
  });
}

/** What the backend says of itself, before anything is tested. */
function declared(factory: BackendConformanceOptions['factory']): BackendFactory {
  const linux = openLinux();
  try {
    return factory(linux);
  } finally {
    // It has done nothing that could fail to end.
    linux.close().catch(() => undefined);
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
