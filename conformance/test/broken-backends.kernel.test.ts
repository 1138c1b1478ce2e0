// The suite must bite on the kernel too: backends that are wrong in one way each, and the tests that have to find it. What
// else fails of such a backend, the same faults show in memory, where all tests of a profile are run.
import { describe, expect, test } from '@jest/globals';
import type { Outcome } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import type { BrokenOnKernel } from './broken/on-kernel.js';
import { BROKEN_ON_KERNEL } from './broken/on-kernel.js';

/** Runs some tests of the suite and tells how they ended. */
async function outcomesOf({ factory, timeouts }: BrokenOnKernel, ids: readonly string[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  backendConformance({
    ...{ framework: sequence, factory, only: ids, beside: { VNI: 2 } },
    ...(timeouts && { timeouts }),
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  await sequence.run();
  return outcomes;
}

describe('a backend that', () => {
  test.each(BROKEN_ON_KERNEL.map((broken) => [broken.what, broken] as const))(
    '%s is caught',
    async (_what, broken) => {
      const { caughtBy, because = /./ } = broken;
      const ids = [caughtBy].flat();
      const outcomes = await outcomesOf(broken, ids);
      for (const id of ids) {
        expect(outcomes.find((outcome) => outcome.id === id)).toMatchObject({
          ...{ id, result: 'failed' },
          reason: expect.stringMatching(because),
        });
      }
    },
    240_000,
  );
});
