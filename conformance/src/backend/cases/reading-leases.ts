import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { Lease } from '@overlay/core';
import type { NotApplicable } from '../../suite/test-record.js';
import { notApplicable } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { GARBAGE, withData } from './garbage.js';

/** A type that is nobody's. */
const OTHER_TYPE = 'conformance-other';

async function claimsOwn(context: BackendTestContext): Promise<NotApplicable | undefined> {
  const world = await context.world({ hosts: 2 });
  const backend = world.backend(world.host(1).attach(), 'own');
  if (backend.claims === undefined) return notApplicable('nothing that its hosts publish has to be theirs alone');
  const claims = (lease: Lease): readonly string[] => {
    const claimed = backend.claims?.(lease) ?? [];
    for (const claim of claimed) match(claim, /^[^\n]{1,200}$/, 'a claim in one line');
    return claimed;
  };
  const [one, two] = [
    await world.leaseOf(world.host(1), FIRST_UNUSED),
    await world.leaseOf(world.host(2), FIRST_UNUSED + 1),
  ];
  const [ours, theirs] = [claims(one), claims(two)];
  deepEqual(claims(one), ours, 'asked again');
  deepEqual(
    ours.filter((claim) => theirs.includes(claim)),
    [],
    'claims of two hosts that publish nothing in common',
  );
  const copy: Lease = { ...two, attributes: one.attributes };
  ok(
    ours.length === 0 || claims(copy).some((claim) => ours.includes(claim)),
    'a copy of what a host publishes claims nothing of it',
  );
  for (const data of GARBAGE) claims(withData(one, data));
  claims({ ...one, attributes: { backendType: context.type } });
  return undefined;
}

async function understandsOwn(context: BackendTestContext): Promise<NotApplicable | undefined> {
  const world = await context.world({ hosts: 1 });
  const host = world.host(1);
  const backend = world.backend(host.attach(), 'own');
  if (backend.understands === undefined) return notApplicable('it goes by the type that a lease publishes');
  const lease = await world.leaseOf(host, FIRST_UNUSED);
  const understands = ({ attributes }: Lease): unknown => backend.understands?.(attributes);
  equal(understands(lease), true, 'what a host of the same configuration publishes');
  const other: Lease = { ...lease, attributes: { ...lease.attributes, backendType: OTHER_TYPE } };
  equal(understands(other), false, `what a host publishes as ${OTHER_TYPE}`);
  for (const data of GARBAGE)
    equal(typeof understands(withData(lease, data)), 'boolean', JSON.stringify(data).slice(0, 80));
  return undefined;
}

export const readingLeases: readonly BackendTest[] = [
  {
    id: 'claims-own',
    title:
      'a host claims the same each time and nothing of others; a copy of it claims that too; nonsense does no harm',
    features: [],
    needs: [],
    run: claimsOwn,
  },
  {
    id: 'understands-own',
    title: 'what hosts of the same configuration publish is understood, other types are not; nonsense does no harm',
    features: [],
    needs: [],
    run: understandsOwn,
  },
];
