import type { TestFramework } from '../suite/framework.js';
import { register } from '../suite/register.js';
import type { Outcome } from '../suite/test-record.js';
import { SubnetManagerTestContext } from './context.js';
import type { StoreUnderTest, SubnetManagerSupports } from './store-under-test.js';
import { SUBNET_MANAGER_TESTS } from './tests.js';
import type { SubnetManagerTimeouts } from './timeouts.js';
import { DEFAULT_SUBNET_MANAGER_TIMEOUTS } from './timeouts.js';

/** What {@link subnetManagerConformance} works from. */
export interface SubnetManagerConformanceOptions {
  readonly framework: TestFramework;
  /** Under which name the results appear. */
  readonly name: string;
  /** Makes an empty store; called for each test. */
  readonly create: () => Promise<StoreUnderTest>;
  readonly supports: SubnetManagerSupports;
  readonly timeouts?: Partial<SubnetManagerTimeouts>;
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** Registers the tests that hold for any subnet manager whose hosts choose their subnets. */
export function subnetManagerConformance(options: SubnetManagerConformanceOptions): void {
  const { framework, name, create, supports, onOutcome } = options;
  const timeouts = { ...DEFAULT_SUBNET_MANAGER_TIMEOUTS, ...options.timeouts };
  register({
    framework,
    name,
    tests: SUBNET_MANAGER_TESTS,
    supports: (feature) => supports[feature],
    timeoutMs: timeouts.test,
    ...(onOutcome ? { onOutcome } : {}),
    within: async (run) => {
      const context = new SubnetManagerTestContext(await create(), timeouts);
      try {
        return await run(context);
      } finally {
        await context.close();
      }
    },
  });
}
