import type { BackendFactory, BackendSupports, JsonObject } from '@overlay/core';
import type { ConformanceTest } from '../suite/test-record.js';
import type { FamilyChoice } from './environment/conf.js';
import type { World, WorldOptions } from './environment/world.js';
import type { Counterpart } from './interop/counterpart.js';
import type { BackendFeature } from './features.js';
import type { BackendTimeouts } from './timeouts.js';

/** What a test of a backend works with. */
export interface BackendTestContext {
  readonly supports: BackendSupports;
  readonly timeouts: BackendTimeouts;
  /** As many families as the backend can have at once. */
  readonly widest: FamilyChoice;
  /** One family that the backend supports. */
  readonly single: FamilyChoice;
  /** Options with which a second network can be beside the first in one namespace, if it can. */
  readonly beside: JsonObject | undefined;
  readonly type: string;
  /** Reads what a factory says of itself; nothing is touched. */
  readonly inspect: <T>(read: (factory: BackendFactory) => T) => T;
  /** A second implementation of the type, if one is known. */
  readonly counterpart: Counterpart | undefined;
  readonly options: JsonObject;
  /** Makes hosts. Closed, and searched for leftovers, when the test has ended. */
  world(options: Omit<WorldOptions, 'family'> & { readonly family?: FamilyChoice }): Promise<World>;
}

/** A test of a backend. */
export type BackendTest = ConformanceTest<BackendTestContext, BackendFeature>;
