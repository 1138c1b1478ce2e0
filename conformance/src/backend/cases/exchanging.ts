// What an agent does with a network when it takes another configuration, or another lease.
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Lease } from '@overlay/core';
import type { NotApplicable } from '../../suite/test-record.js';
import { notApplicable } from '../../suite/test-record.js';
import { within } from '../../suite/until.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { OpenedNetwork } from '../environment/overlay-host.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { alone } from './peers.js';

async function removes(context: BackendTestContext): Promise<void> {
  const { world, host, spare, opened, snapshot, empty } = await alone(context);
  const { network } = opened;
  const peer = await world.leaseOf(spare, FIRST_UNUSED);
  const before = await snapshot(peer);
  ok(before.minus(empty).size > 0, 'the network put nothing in place');
  await host.machine.addForeign(world.families);
  const foreign = (await host.view()).minus(before);
  const closing = Promise.all([network.close({ remove: true }), network.close()]);
  await within('closing, and taking away what was made', context.timeouts.converge, closing);
  network.apply({ type: 'delta', set: [peer], deleted: [] });
  await world.becomes(host, empty.plus(foreign.items), context.timeouts.converge, 'nothing but what others have made');
}

/** Another subnet of this host, as the agent tells it when the store's administrator has moved the lease. */
async function followsLease(context: BackendTestContext): Promise<NotApplicable | undefined> {
  const { world, host, spare, opened, snapshot, settled } = await alone(context);
  const peers = [await world.leaseOf(spare, FIRST_UNUSED)];
  const here = await snapshot(...peers);
  const { lease$ } = opened;
  const first = lease$.value;
  const subnets = world.store.subnets(world.netConf, 2);
  lease$.next({ ...first, subnets });
  const there = await settled();
  lease$.next(first);
  deepEqual((await settled()).differences(here), [], 'after the first subnet was given back');
  // What it should have become: what a network has that opens with the other subnet.
  await host.close(opened);
  const again = await host.open({ subnets });
  again.network.apply({ type: 'snapshot', leases: peers });
  await again.network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  const wanted = await host.view();
  if (wanted.differences(here).length === 0)
    return notApplicable("nothing in its data path depends on the host's own subnet");
  deepEqual(there.differences(wanted), [], 'after the host got another subnet, against a start with that');
  return undefined;
}

async function reachesPeers(context: BackendTestContext): Promise<NotApplicable | undefined> {
  const { world, spare, opened, snapshot } = await alone(context);
  const { network } = opened;
  if (network.reaches === undefined) return notApplicable('every peer counts as reached once it is ready');
  const good = await world.leaseOf(spare, FIRST_UNUSED);
  await snapshot(good);
  equal(network.reaches(good.key), true, 'a peer that is in place');
  const stranger: Lease = { ...good, attributes: { ...good.attributes, backendType: 'conformance-other' } };
  network.apply({ type: 'delta', set: [stranger], deleted: [] });
  await network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  equal(network.reaches(good.key), false, 'a peer that is of another backend now');
  await snapshot(good);
  equal(network.reaches(good.key), true, 'a peer that is of this backend again');
  let completed = false;
  network.reachChanges$?.subscribe({ complete: () => (completed = true) });
  await network.close();
  ok(completed || network.reachChanges$ === undefined, 'reachChanges$ completes when it is closed');
  return undefined;
}

/** Opens a network, and has it know one peer. */
async function openedFor(
  context: BackendTestContext,
  open: () => Promise<OpenedNetwork>,
  peer: Lease,
): Promise<OpenedNetwork> {
  const opened = await open();
  opened.network.apply({ type: 'snapshot', leases: [peer] });
  await opened.network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  return opened;
}

async function reopensInPlace(context: BackendTestContext): Promise<NotApplicable | undefined> {
  const world = await context.world({ hosts: 2 });
  const [host, other] = [world.host(1), world.host(2)];
  const attachment = host.attach();
  const backend = world.backend(attachment, host.name);
  if (backend.reopensInPlace === false) {
    return notApplicable('it says that opening it again interrupts what it carries');
  }
  const subnets = world.store.subnets(world.netConf, 1);
  world.store.set({ key: host.name, subnets, attributes: await host.attributes(host.name) });
  const { agent } = await other.start();
  await world.knows(other, 1);
  const peer = agent.status().ownLease as Lease;
  const open = (): Promise<OpenedNetwork> => openedFor(context, () => host.open({ attachment, subnets }), peer);
  const first = await open();
  const { mtu = 0 } = agent.status();
  await world.addPod(other);
  const networks = Object.fromEntries(world.families.map((family) => [family, [world.netConf[family]?.network]]));
  await host.machine.addPod({ subnets, networks, mtu });
  const streams = [...world.pings(host.pod, other.pod), ...world.pings(other.pod, host.pod)];
  for (const stream of streams) await stream.passes(context.timeouts.join);
  await first.network.close();
  await open();
  for (const stream of streams) await stream.passes(context.timeouts.converge);
  for (const stream of streams) {
    const { answered, lost } = await stream.stop();
    deepEqual(lost, [], `packets lost, of ${answered + lost.length}`);
  }
  return undefined;
}

export const exchanging: readonly BackendTest[] = [
  {
    id: 'close-removes',
    title: 'a network that is closed for good takes away all that it made, and nothing of others',
    features: [],
    needs: [],
    run: removes,
  },
  {
    id: 'lease-changed-while-open',
    title: "a host's own subnet that changes while a network is open becomes what it is after a start with it",
    features: [],
    needs: [],
    run: followsLease,
  },
  {
    id: 'reaches-peers',
    title: 'a peer counts as reached when it is in place, and not when nothing leads to it',
    features: [],
    needs: [],
    run: reachesPeers,
  },
  {
    id: 'reopens-in-place',
    title: 'a network that is opened again in the place of the one before loses no packet',
    features: ['survivesAgent'],
    needs: [],
    run: reopensInPlace,
  },
];
