import { deepEqual, equal, fail, match, ok } from 'node:assert/strict';
import type { NotApplicable } from '../../suite/test-record.js';
import { notApplicable } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { until } from '../../suite/until.js';
import { alone } from './peers.js';

async function refused(context: BackendTestContext): Promise<void> {
  const { world, host, spare, opened, snapshot } = await alone(context);
  const { network, attachment } = opened;
  const { faults } = attachment;
  const peer = await world.leaseOf(spare, FIRST_UNUSED);
  const before = await snapshot();
  const objects = network.status().objects;
  faults.refusing = true;
  network.apply({ type: 'delta', set: [peer], deleted: [] });
  await network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  const { failed, pending, problems, objects: wanted, peers } = network.status();
  equal(peers, 1);
  ok(wanted > objects, 'a peer wants objects');
  // What needs no netlink has come through all the same.
  ok(failed + pending <= wanted - objects, 'more objects are not in place than the peer wants');
  ok(failed > 0, 'nothing counts as refused');
  const told = problems.filter((problem) => problem.peer === peer.key);
  if (told.length === 0) fail(`the peer is not told: ${JSON.stringify(problems)}`);
  for (const { message } of told) match(message, /^[^\n]+$/);
  // What is there is there, whatever cannot be added to it.
  deepEqual(before.minus(await host.view()).items, []);
  faults.refusing = false;
  await until(
    () => `the peer is put in place when that is allowed: ${JSON.stringify(network.status())}`,
    context.timeouts.converge,
    () => network.status().failed === 0 && network.status().pending === 0,
  );
  deepEqual(network.status().problems, []);
  equal(network.status().objects, wanted);
  ok((await host.view()).minus(before).size > 0, 'the status says that all is well, and there is nothing new');
}

async function refusedDevice(context: BackendTestContext): Promise<NotApplicable | undefined> {
  const world = await context.world({ hosts: 1 });
  const host = world.host(1);
  const opened = await host.open({ refusing: true });
  const { network, attachment } = opened;
  const { faults } = attachment;
  const phases: string[] = [];
  network.state$.subscribe(({ phase, problem }) => phases.push(problem === undefined ? phase : `${phase}: ${problem}`));
  network.apply({ type: 'snapshot', leases: [] });
  await network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  if (faults.refused === 0) return notApplicable('it has no object of its own');
  const { failed, pending } = network.status();
  ok(failed + pending > 0, `own objects that the kernel refused: ${JSON.stringify(network.status())}`);
  match(phases.at(-1) ?? '', /^failed: [^\n]+$/, 'own objects cannot be made, and the state does not say so');
  faults.refusing = false;
  await until(
    () => `the network is ready once the kernel takes its objects: ${phases.join(', ')}`,
    context.timeouts.converge,
    () => phases.at(-1) === 'ready',
  );
  deepEqual(network.status().failed, 0);
  return undefined;
}

export const status: readonly BackendTest[] = [
  {
    id: 'status-refused-peer',
    title: 'objects of a peer that the kernel refuses are counted and told, tried again, and then forgotten',
    features: [],
    needs: [],
    run: refused,
  },
  {
    id: 'status-refused-device',
    title: 'own objects that the kernel refuses make the state failed, with the reason, until they are there',
    features: [],
    needs: [],
    run: refusedDevice,
  },
];
