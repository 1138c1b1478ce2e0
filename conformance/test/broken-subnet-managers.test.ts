// The suite must bite: subnet managers that are wrong in one way each are found, by the test that names the fault.
import { describe, expect, test } from '@jest/globals';
import type { Outcome } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import type { OwnLease, SubnetManager } from '@overlay/core';
import { parsePrefix } from '@overlay/core';
import { filter, map, skip } from 'rxjs';
import { altered } from './broken/alter.js';
import { staticStore } from './subjects/static-store.js';

type Alter = (manager: SubnetManager) => SubnetManager;

const notAborted = { signal: new AbortController().signal };

/** One whose leases are other ones for their holders. */
function holding(alter: (own: OwnLease) => Partial<OwnLease>): Alter {
  return (manager) =>
    altered(manager, {
      acquire: async (request, options) => {
        const own = await manager.acquire(request, options);
        return { ...own, ...alter(own) };
      },
    });
}

const BROKEN: readonly (readonly [what: string, alter: Alter, caughtBy: string])[] = [
  [
    'gives one subnet to everybody',
    holding((own) => ({
      state$: own.state$.pipe(
        map((state) => ({ ...state, lease: { ...state.lease, subnets: { ipv4: parsePrefix('10.5.1.0/24') } } })),
      ),
    })),
    'acquire-at-once-ipv4',
  ],
  [
    'ignores which subnet is wanted',
    (manager) =>
      altered(manager, { acquire: ({ wanted: _, ...request }, options) => manager.acquire(request, options) }),
    'acquire-wanted',
  ],
  [
    'gives a host that asks again another lease',
    (manager) => {
      let asked = 0;
      return altered(manager, {
        acquire: (request, options) =>
          manager.acquire({ ...request, hostId: `${request.hostId}-${(asked += 1)}` }, options),
      });
    },
    'acquire-same-host-twice',
  ],
  [
    'says in its own words that the range is full',
    (manager) =>
      altered(manager, {
        acquire: (request, options) =>
          manager
            .acquire(request, options)
            .catch((error: unknown) => Promise.reject(new Error('full', { cause: error }))),
      }),
    'acquire-full-range',
  ],
  [
    'begins with changes instead of a snapshot',
    (manager) => altered(manager, { leases$: manager.leases$.pipe(skip(1)) }),
    'watch-snapshot-first',
  ],
  [
    'tells nobody of changes',
    (manager) => altered(manager, { leases$: manager.leases$.pipe(filter(({ type }) => type === 'snapshot')) }),
    'watch-changes',
  ],
  ['keeps what is published to itself', holding(() => ({ publish: async () => undefined })), 'watch-changes'],
  [
    'tells of what is published already',
    holding((own) => ({
      publish: async (attributes, options) => {
        await own.publish({ ...attributes, backendType: 'unsettled' }, options);
        await own.publish(attributes, options);
      },
    })),
    'watch-nothing-new',
  ],
  ['has nothing new to say when asked', (manager) => altered(manager, { resync: () => undefined }), 'resync-snapshot'],
  [
    'acquires although it was told not to',
    (manager) => altered(manager, { acquire: (request) => manager.acquire(request, notAborted) }),
    'abort',
  ],
  ['does not end its streams when it closes', (manager) => altered(manager, { close: async () => undefined }), 'close'],
];

async function failures(alter: Alter): Promise<readonly string[]> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  subnetManagerConformance({
    framework: sequence,
    supports: { chooses: true, persistent: false, tellsRivals: false, confirms: false },
    create: async () => staticStore(alter),
    timeouts: { change: 1000 },
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  await sequence.runAtOnce();
  return outcomes.filter(({ result }) => result === 'failed').map(({ id }) => id);
}

describe('a subnet manager that', () => {
  test('is the good one that they are made of fails nothing', async () => {
    expect(await failures((manager) => manager)).toEqual([]);
  });

  test.each(BROKEN)('%s is caught', async (_what, alter, caughtBy) => {
    const failed = await failures(alter);
    expect(failed).toContain(caughtBy);
    // What every other test begins with is wrong in some of them.
    expect(failed.length).toBeLessThanOrEqual(12);
  });
});
