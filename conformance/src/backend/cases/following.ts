import { equal, ok } from 'node:assert/strict';
import type { Address, PerFamily } from '@overlay/core';
import { addressAt } from '@overlay/core';
import { until } from '../../suite/until.js';
import { placeOfPeer } from './place-of-peer.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { joined, statusIsGood } from './joined.js';

async function interfaceAgain(context: BackendTestContext): Promise<void> {
  const { world, host, other, streams } = await joined(context);
  const [before, otherBefore] = [await host.view(), await other.view()];
  const index = host.running.agent.status().host?.interface.index;
  await host.machine.recreateInterface();
  await world.becomes(host, before, context.timeouts.healHost, 'everything on the new interface');
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await world.becomes(other, otherBefore, context.timeouts.healHost, 'what a peer had');
  ok(host.running.agent.status().host?.interface.index !== index, 'the test did not make a new interface');
  await statusIsGood(context, host);
}

async function addressChanged(context: BackendTestContext): Promise<void> {
  const { world, host, other, streams } = await joined(context);
  const subnets = host.running.agent.status().ownLease?.subnets;
  const { addresses: was, prefixes } = host.machine;
  const becomes = Object.fromEntries(
    world.families.map((family) => [family, addressAt(prefixes[family] ?? ('' as never), 150)]),
  ) as PerFamily<Address>;
  const follows = await placeOfPeer(other, was);
  await host.machine.readdress(was, becomes);
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  // Peers know the new address, and the old one no more.
  await follows(becomes, context);
  equal(JSON.stringify(host.running.agent.status().ownLease?.subnets), JSON.stringify(subnets), 'the subnet stays');
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await statusIsGood(context, host);
}

async function mtuFollows(context: BackendTestContext): Promise<void> {
  const { world, host, other, streams } = await joined(context);
  const before = await host.view();
  const told = host.running.agent.status().mtu ?? 0;
  const lowerBy = 100;
  const { mtu } = world.site;
  await host.machine.setMtu(mtu - lowerBy);
  await until(
    () => `the MTU told goes from ${told} to ${told - lowerBy}; it is ${host.running.agent.status().mtu}`,
    context.timeouts.healHost,
    () => host.running.agent.status().mtu === told - lowerBy,
  );
  for (const family of world.families) {
    const to = other.pod.addresses[family] as Address;
    let result = await world.site.ping(host.pod, to, { count: 3, packetSize: told - lowerBy });
    await until(
      () => `packets of ${told - lowerBy} bytes pass in ${family}: ${result.problem}`,
      context.timeouts.healHost,
      async () => {
        result = await world.site.ping(host.pod, to, { count: 3, packetSize: told - lowerBy });
        return result.received === result.sent;
      },
    );
  }
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await host.machine.setMtu(mtu);
  await until(
    `the MTU told goes back to ${told}`,
    context.timeouts.healHost,
    () => host.running.agent.status().mtu === told,
  );
  await world.becomes(host, before, context.timeouts.healHost, 'what was there before the MTU was lowered');
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await statusIsGood(context, host);
}

export const following: readonly BackendTest[] = [
  {
    id: 'host-interface-again',
    title: 'the external interface was deleted and made again: everything is on the new one, and packets pass',
    features: [],
    needs: [],
    run: interfaceAgain,
  },
  {
    id: 'host-address-changed',
    title: "the external interface's addresses changed: peers follow, the subnet stays, and packets pass",
    features: [],
    needs: [],
    run: addressChanged,
  },
  {
    id: 'host-mtu-changed',
    title: "the external interface's MTU was lowered and raised: what is told, and passes, follows",
    features: [],
    needs: [],
    run: mtuFollows,
  },
];
