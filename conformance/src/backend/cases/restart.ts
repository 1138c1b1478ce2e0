import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { Address, PerFamily, Prefix } from '@overlay/core';
import { addressAt } from '@overlay/core';
import { placeOfPeer } from './place-of-peer.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import type { World } from '../environment/world.js';
import { alone, writesOf } from './peers.js';

/** Ends and starts an agent under traffic, and looks at what that did to the data path and to the packets. */
async function unnoticed(context: BackendTestContext, end: (host: OverlayHost) => Promise<void>): Promise<void> {
  const world = await context.world({ hosts: 2 });
  await world.join();
  const [host, other] = [world.host(1), world.host(2)];
  const before = await host.view();
  const streams = [...world.pings(host.pod, other.pod), ...world.pings(other.pod, host.pod)];
  for (const stream of streams) await stream.passes(context.timeouts.converge);
  await end(host);
  deepEqual((await host.view()).differences(before), [], 'the end of an agent changes nothing');
  for (const stream of streams) await stream.passes(context.timeouts.converge);
  const started = await host.start();
  await world.knows(host, 1);
  for (const stream of streams) await stream.passes(context.timeouts.converge);
  deepEqual((await host.view()).differences(before), [], 'after the restart');
  const writes = writesOf(started);
  deepEqual(
    Object.values(writes).filter((count) => count !== 0),
    [],
    `a restart without any change writes nothing; it wrote ${JSON.stringify(writes)}`,
  );
  for (const stream of streams) {
    const { answered, lost } = await stream.stop();
    ok(answered > 0);
    deepEqual(lost, [], `packets lost, of ${answered + lost.length}`);
  }
}

/** Two hosts with agents, and a peer that exists in the store only. */
async function withMadeUpPeer(context: BackendTestContext): Promise<World> {
  const world = await context.world({ hosts: 3 });
  world.store.set(await world.leaseOf(world.host(3), FIRST_UNUSED));
  return world;
}

/** A host that gets another address while no agent runs on it. */
async function movedMeanwhile(context: BackendTestContext): Promise<void> {
  const world = await context.world({ hosts: 2 });
  await world.join();
  const [host, other] = [world.host(1), world.host(2)];
  const { addresses: was, prefixes } = host.machine;
  const subnets = JSON.stringify(host.running.agent.status().ownLease?.subnets);
  await host.kill();
  const becomes: PerFamily<Address> = Object.fromEntries(
    world.families.map((family) => [family, addressAt(prefixes[family] as Prefix, 151)]),
  );
  const follows = await placeOfPeer(other, was);
  await host.machine.readdress(was, becomes);
  await host.start();
  equal(JSON.stringify(host.running.agent.status().ownLease?.subnets), subnets, 'the subnet stays');
  for (const stream of [...world.pings(host.pod, other.pod), ...world.pings(other.pod, host.pod)]) {
    await stream.passes(context.timeouts.healHost);
  }
  await follows(becomes, context);
}

export const restart: readonly BackendTest[] = [
  {
    id: 'restart-host-moved',
    title: 'a host that got another address while no agent ran is reached there after the next start',
    features: [],
    needs: [],
    run: movedMeanwhile,
  },
  {
    id: 'restart-stopped',
    title: 'an agent that is stopped and started again loses no packet and writes nothing',
    features: ['survivesAgent'],
    needs: [],
    run: (context) => unnoticed(context, (host) => host.stop()),
  },
  {
    id: 'restart-killed',
    title: 'an agent that is killed and started again loses no packet and writes nothing',
    features: ['survivesAgent'],
    needs: [],
    run: (context) => unnoticed(context, (host) => host.kill()),
  },
  {
    id: 'restart-peer-gone',
    title: 'a peer that went while no agent ran leaves nothing behind after the next start',
    features: [],
    needs: [],
    run: async (context) => {
      const world = await withMadeUpPeer(context);
      const [host, other] = [world.host(1), world.host(2)];
      await host.start();
      await other.start();
      await world.knows(host, 2);
      const both = await host.view();
      world.store.delete(`peer-${FIRST_UNUSED}`);
      await world.knows(host, 1);
      const one = await host.view();
      notEqual(both.minus(one).size, 0, 'the peer put nothing in place');
      world.store.set(await world.leaseOf(world.host(3), FIRST_UNUSED));
      await world.knows(host, 2);
      await host.kill();
      world.store.delete(`peer-${FIRST_UNUSED}`);
      if (context.supports.survivesAgent) deepEqual((await host.view()).differences(both), []);
      await host.start();
      await world.knows(host, 1);
      await world.becomes(host, one, context.timeouts.converge, 'the objects of the peers that are left');
    },
  },
  {
    id: 'restart-peer-moved',
    title: 'a peer that moved while no agent ran is reached at its new place after the next start',
    features: [],
    needs: [],
    run: async (context) => {
      const world = await context.world({ hosts: 3 });
      const host = world.host(1);
      const id = 'moving';
      const here = await world.leaseOf(world.host(2), FIRST_UNUSED, { id });
      const there = { ...(await world.leaseOf(world.host(3), FIRST_UNUSED)), key: id };
      await host.start();
      world.store.set(there);
      await world.knows(host, 1);
      const wanted = await host.view();
      world.store.set(here);
      await world.knows(host, 1);
      notEqual((await host.view()).minus(wanted).size, 0);
      await host.kill();
      world.store.set(there);
      await host.start();
      await world.knows(host, 1);
      await world.becomes(host, wanted, context.timeouts.converge, 'the peer at its new place');
    },
  },
  {
    id: 'restart-patient',
    title: 'nothing of an earlier run is removed before the first snapshot, and what is stale right after it',
    features: ['survivesAgent'],
    needs: [],
    run: async (context) => {
      const { world, host, spare, opened, snapshot } = await alone(context);
      const [stays, goes] = [await world.leaseOf(spare, FIRST_UNUSED), await world.leaseOf(spare, FIRST_UNUSED + 1)];
      const one = await snapshot(stays);
      const both = await snapshot(stays, goes);
      await host.close(opened);
      const again = await host.open();
      const settled = (): Promise<void> =>
        again.network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
      await settled();
      // A full comparison is when something hasty would have removed what it does not know.
      again.attachment.audit();
      await settled();
      deepEqual((await host.view()).differences(both), [], 'before the first snapshot');
      again.network.apply({ type: 'snapshot', leases: [stays] });
      await settled();
      await world.becomes(host, one, context.timeouts.converge, 'only what the snapshot asks for');
      equal(again.network.status().peers, 1);
    },
  },
];
