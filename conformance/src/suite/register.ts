import type { TestFramework } from './framework.js';
import type { ConformanceTest, NotApplicable, Outcome } from './test-record.js';
import { whyNot } from './test-record.js';

/** What {@link register} works from. */
export interface Registration<Context, Feature extends string> {
  readonly framework: TestFramework;
  /** Under which name the results appear. */
  readonly name: string;
  readonly tests: readonly ConformanceTest<Context, Feature>[];
  readonly supports: (feature: Feature) => boolean;
  /** Milliseconds that one test may take. */
  readonly timeoutMs: number;
  /** Runs a test with a context of its own and cleans up after it. */
  readonly within: (
    run: (context: Context) => Promise<NotApplicable | void>,
    test: ConformanceTest<Context, Feature>,
  ) => Promise<NotApplicable | void>;
  /** Called once for each test as it ends; for those that are not supported, when they are registered. */
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** Hands tests to a test framework. */
export function register<Context, Feature extends string>(registration: Registration<Context, Feature>): void {
  const { framework, name, tests, supports, timeoutMs, within, onOutcome } = registration;
  framework.describe(name, () => {
    for (const test of tests) {
      const title = `${test.id}: ${test.title}`;
      const reason = whyNot(test, supports);
      if (reason !== undefined) {
        framework.skip(`${title} (${reason})`);
        onOutcome?.({ id: test.id, result: 'notSupported', reason });
        continue;
      }
      framework.test(
        title,
        async () => {
          try {
            const ended = await within((context) => test.run(context), test);
            if (ended) onOutcome?.({ id: test.id, result: 'notApplicable', reason: ended.notApplicable });
            else onOutcome?.({ id: test.id, result: 'passed' });
          } catch (error) {
            onOutcome?.({
              id: test.id,
              result: 'failed',
              reason: error instanceof Error ? error.message : String(error),
            });
            throw error;
          }
        },
        timeoutMs,
      );
    }
  });
}
