// The suite must bite: subnet managers that are wrong in one way each are found, by the test that names the fault.
import { describe, expect, test } from '@jest/globals';
import type { Outcome } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import type { StoreUnderTest, SubnetManagerSupports } from '@overlay/conformance/subnet-manager';
import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import type { Alter } from './broken/subnet-managers.js';
import { BROKEN_MANAGERS, BROKEN_ON_DISK } from './broken/subnet-managers.js';
import { staticStore } from './subjects/static-store.js';
import { LOCAL_SUPPORTS, localStore } from './subjects/subnet-local.js';

const IN_MEMORY = { chooses: true, persistent: false, reserves: false, tellsRivals: false, confirms: false };
/** What every other test begins with is wrong in some of them. */
const AT_MOST = 12;

/** A wrong one must not take long to be found; a good one must not fail for what a busy machine takes. */
const HASTY = { change: 1000, test: 10_000 };
const PATIENT = { change: 20_000, test: 60_000 };

async function failures(
  create: () => StoreUnderTest,
  supports: SubnetManagerSupports,
  timeouts: typeof HASTY,
): Promise<readonly string[]> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  subnetManagerConformance({
    framework: sequence,
    supports,
    create: async () => create(),
    timeouts,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  await sequence.runAtOnce();
  return outcomes.filter(({ result }) => result === 'failed').map(({ id }) => id);
}

type Failing = (alter: Alter, timeouts?: typeof HASTY) => Promise<readonly string[]>;
const inMemory: Failing = (alter, timeouts = HASTY) => failures(() => staticStore(alter), IN_MEMORY, timeouts);
const onDisk: Failing = (alter, timeouts = HASTY) => failures(() => localStore(alter), LOCAL_SUPPORTS, timeouts);

test('a feature that is left out, or not known, is refused', () => {
  const registering = (supports: object) => (): void =>
    subnetManagerConformance({
      framework: new TestSequence(),
      supports: supports as SubnetManagerSupports,
      create: async () => staticStore(),
    });
  const { reserves: _, ...rest } = IN_MEMORY;
  expect(registering(rest)).toThrow(expect.objectContaining({ code: 'OVERLAY_FEATURE_UNTOLD' }));
  expect(registering({})).toThrow(expect.objectContaining({ code: 'OVERLAY_FEATURE_UNTOLD' }));
  expect(registering({ ...IN_MEMORY, teleports: true })).toThrow(
    expect.objectContaining({ code: 'OVERLAY_FEATURE_UNKNOWN' }),
  );
});

describe.each([
  ['in memory', inMemory, BROKEN_MANAGERS],
  ['in a directory', onDisk, BROKEN_ON_DISK],
] as const)('a subnet manager %s that', (_where, failing, all) => {
  test('is the good one that they are made of fails nothing', async () => {
    expect(await failing((manager) => manager, PATIENT)).toEqual([]);
  }, 120_000);

  test.each(all)(
    '%s is caught',
    async (_what, alter, caughtBy) => {
      const failed = await failing(alter);
      expect(failed).toContain(caughtBy);
      expect(failed.length).toBeLessThanOrEqual(AT_MOST);
    },
    60_000,
  );
});
