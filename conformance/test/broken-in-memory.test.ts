// The suite must bite: backends that are wrong in one way each are found, by the test that names the fault and by few others.
import { describe, expect, test } from '@jest/globals';
import type { Outcome } from '@overlay/conformance';
import type { BackendSupports } from '@overlay/core';
import { TestSequence } from '@overlay/conformance';
import { backendConformance, memoryEnvironment } from '@overlay/conformance/backend';
import type { BrokenBackend } from './broken/in-memory.js';
import { BROKEN_IN_MEMORY, supports } from './broken/in-memory.js';
import { good } from './broken/rewire.js';

/** All that can be looked at in memory in a moment. */
const QUICK = ['Core', 'Networking', 'Healing', 'Restart', 'Security'];
/** Short, because what is wrong is waited for to the end. What a busy machine makes of that is looked at again. */
const SHORT = {
  ...{ test: 8000, join: 1500, converge: 1200, healObject: 1200, healDevice: 1200, healHost: 1500 },
  ...{ end: 600, leftovers: 600 },
};

type Run = Pick<BrokenBackend, 'factory' | 'profiles'>;

interface Look {
  /** Only these tests. */
  readonly only?: readonly string[];
  /** One after the other, with all the time that they may take. */
  readonly patient?: boolean;
}

/** The tests that fail. */
async function failures(
  { factory, profiles = QUICK }: Run,
  { only, patient = false }: Look = {},
): Promise<readonly string[]> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  backendConformance({
    ...{ framework: sequence, environment: memoryEnvironment(), factory, profiles, beside: { Channel: 2 } },
    ...(only && { only }),
    ...(!patient && { timeouts: SHORT }),
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  if (patient) await sequence.run();
  else await sequence.runAtOnce();
  return outcomes.filter(({ result }) => result === 'failed').map(({ id }) => id);
}

/** How often is looked again in a hurry: what fails each time is likely to be wrong. */
const LOOKS = 3;

/** The tests that fail whatever the machine does at the time. */
async function certain(run: Run, limit: number): Promise<readonly string[]> {
  let failed = await failures(run);
  for (let look = 0; failed.length > limit && look < LOOKS; look++) failed = await failures(run, { only: failed });
  return failed.length > limit ? failures(run, { only: failed, patient: true }) : failed;
}

test('the good one that they are made of fails nothing', async () => {
  expect(await certain({ factory: good }, 0)).toEqual([]);
}, 60_000);

describe('a backend that says that it does not carry', () => {
  const lacking: readonly (readonly [what: string, lacks: Partial<BackendSupports>, test: string])[] = [
    ['IPv4', { ipv4: false, dualStack: false }, 'refuse-ipv4'],
    ['IPv6', { ipv6: false, dualStack: false }, 'refuse-ipv6'],
    ['both at once', { dualStack: false }, 'refuse-dual'],
  ];

  test.each(lacking)('%s is good all the same, and looked at for that', async (_what, lacks, id) => {
    const passed: string[] = [];
    const sequence = new TestSequence();
    backendConformance({
      ...{ framework: sequence, environment: memoryEnvironment(), factory: supports(lacks), profiles: ['Core'] },
      onOutcome: (outcome) => (outcome.result === 'passed' ? passed.push(outcome.id) : undefined),
    });
    await sequence.runAtOnce();
    expect(passed).toEqual(expect.arrayContaining(['declares', id]));
  });
});

describe('a backend that', () => {
  test.each(BROKEN_IN_MEMORY.map((broken) => [broken.what, broken] as const))(
    '%s is caught',
    async (_what, broken) => {
      const limit = broken.atMost ?? 4;
      const failed = await certain(broken, limit);
      expect(failed).toContain(broken.caughtBy);
      expect(failed.length).toBeLessThanOrEqual(limit);
    },
    240_000,
  );
});

test('there are as many as there are ways to be wrong that we know of', () => {
  const what = BROKEN_IN_MEMORY.map((each) => each.what);
  expect(new Set(what).size).toBe(what.length);
  expect(what.length).toBeGreaterThanOrEqual(25);
});
