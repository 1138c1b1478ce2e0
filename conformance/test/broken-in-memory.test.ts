// The suite must bite: backends that are wrong in one way each are found, by the test that names the fault and by few others.
import { describe, expect, test } from '@jest/globals';
import type { Outcome } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import { backendConformance, memoryEnvironment } from '@overlay/conformance/backend';
import type { BrokenBackend } from './broken/in-memory.js';
import { BROKEN_IN_MEMORY } from './broken/in-memory.js';
import { good } from './broken/rewire.js';

/** All that can be looked at in memory in a moment. */
const QUICK = ['Core', 'Networking', 'Healing', 'Restart', 'Security'];
/** Short, because what is wrong is waited for to the end; long enough for a busy machine. */
const TIMEOUTS = {
  ...{ test: 12_000, join: 2500, converge: 2000, healObject: 2000, healDevice: 2000, healHost: 2500 },
  ...{ end: 1000, leftovers: 1000 },
};

async function failures(broken: Pick<BrokenBackend, 'factory' | 'beside' | 'profiles'>): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  const { factory, beside, profiles = QUICK } = broken;
  backendConformance({
    ...{ framework: sequence, environment: memoryEnvironment(), factory, profiles, timeouts: TIMEOUTS },
    ...(beside ? { beside } : {}),
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  await sequence.runAtOnce();
  return outcomes.filter(({ result }) => result === 'failed');
}

test('the good one that they are made of fails nothing', async () => {
  expect(await failures({ factory: good, beside: { Channel: 2 } })).toEqual([]);
}, 60_000);

describe('a backend that', () => {
  test.each(BROKEN_IN_MEMORY.map((broken) => [broken.what, broken] as const))(
    '%s is caught',
    async (_what, broken) => {
      const failed = (await failures(broken)).map(({ id }) => id);
      expect(failed).toContain(broken.caughtBy);
      expect(failed.length).toBeLessThanOrEqual(broken.atMost ?? 4);
    },
    60_000,
  );
});

test('there are as many as there are ways to be wrong that we know of', () => {
  const what = BROKEN_IN_MEMORY.map((each) => each.what);
  expect(new Set(what).size).toBe(what.length);
  expect(what.length).toBeGreaterThanOrEqual(25);
});
