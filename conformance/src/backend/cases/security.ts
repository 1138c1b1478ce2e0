import { deepEqual, equal, ok } from 'node:assert/strict';
import { errorText, subnetAt, addressAt, addressFamily } from '@overlay/core';
import type { Address, Lease, Prefix } from '@overlay/core';
import { requireTools } from '@overlay/lab';
import { until } from '../../suite/until.js';
import { blocked } from '../../suite/test-record.js';
import type { Ending } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { GARBAGE, withData } from './garbage.js';
import { alone } from './peers.js';

/** An address of a pod that a subnet could have, but nobody has. */
const NOBODY = 77;

async function hostilePeers(context: BackendTestContext): Promise<void> {
  const { world, host, spare, opened, snapshot } = await alone(context);
  const { network } = opened;
  const good = await world.leaseOf(spare, FIRST_UNUSED);
  const before = await snapshot(good);
  const hostile = await Promise.all(
    GARBAGE.map(async (data, at) => withData(await world.leaseOf(spare, FIRST_UNUSED + 1 + at), data)),
  );
  const gaps: Lease = { ...(await world.leaseOf(spare, FIRST_UNUSED + 50)), attributes: { backendType: context.type } };
  const settle = (): Promise<void> => network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  network.apply({ type: 'snapshot', leases: [...hostile, gaps, good] });
  await settle();
  deepEqual(before.minus(await host.view()).items, [], 'what a good peer needs is gone because of bad ones');
  equal(network.status().peers, hostile.length + 2);
  for (const { message } of network.status().problems) ok(!/\n/.test(message) && message.length < 2000, message);
  // Each of them also as the news that a good peer has become bad, and is good again.
  for (const bad of hostile) {
    network.apply({ type: 'delta', set: [{ ...bad, key: good.key, subnets: good.subnets }], deleted: [bad.key] });
    network.apply({ type: 'delta', set: [good], deleted: [] });
  }
  network.apply({ type: 'delta', set: [], deleted: [gaps.key] });
  await settle();
  deepEqual((await host.view()).differences(before), [], 'after all bad peers went');
  deepEqual(network.status().problems, []);
}

async function spoofedSource(context: BackendTestContext): Promise<void> {
  const world = await context.world({ hosts: 3 });
  await world.join();
  const [sender, receiver, third] = [world.host(1), world.host(2), world.host(3)];
  for (const family of world.families) {
    const theirs = third.running.agent.status().ownLease?.subnets[family] as Prefix;
    const nobodys = subnetAt(world.netConf[family]?.network.split('/')[0] as Address, lengthOf(theirs), FIRST_UNUSED);
    for (const subnet of [theirs, nobodys]) {
      const source = addressAt(subnet, NOBODY);
      const { honest, spoofed } = await world.site.spoof(sender.pod, receiver.pod, source);
      ok(honest, `${addressFamily(source)}: what the pod sends as itself does not arrive`);
      equal(spoofed, false, `a packet of ${sender.pod.name} arrives as one of ${source}, which is not its host's`);
    }
  }
}

function lengthOf(prefix: Prefix): number {
  return Number(prefix.split('/')[1]);
}

/** Many times in a packet, so that it is seen wherever encapsulation shifts it. */
const SECRET = 'overlay-conformance-plaintext';

async function encrypted(context: BackendTestContext): Promise<Ending> {
  try {
    requireTools(['tcpdump']);
  } catch (error) {
    return blocked(errorText(error));
  }
  const world = await context.world({ hosts: 2 });
  await world.join();
  const [from, to] = [world.namespaces(world.host(1)), world.namespaces(world.host(2))];
  await using capture = await world.lab.capture(from.host, 'eth0');
  for (const family of world.families) {
    const destination = to.pod.addresses[family] as Address;
    const hex = Buffer.from(SECRET).toString('hex').slice(0, 32);
    await from.pod.exec(['ping', '-n', '-c', '5', '-i', '0.05', '-s', '200', '-p', hex, destination]);
  }
  const seen = async (): Promise<number> => (await capture.text()).split('\n').filter((line) => line !== '').length;
  await until('packets on the underlay', context.timeouts.converge, async () => (await seen()) >= 10);
  const text = (await capture.text(['-A'])).replaceAll('\n', '');
  ok(!text.includes(SECRET.slice(0, 16)), 'what pods send is readable on the underlay');
  return undefined;
}

export const security: readonly BackendTest[] = [
  {
    id: 'hostile-peers',
    title: 'peers that publish nonsense harm neither the others nor the network, and leave nothing behind',
    features: [],
    needs: [],
    run: hostilePeers,
  },
  {
    id: 'spoofed-source',
    title: "packets with a source that is not the sending host's do not arrive",
    features: ['checksSource'],
    needs: [],
    run: spoofedSource,
  },
  {
    id: 'underlay-encrypted',
    title: 'what pods send cannot be read on the underlay',
    features: ['encryption'],
    needs: ['netns'],
    run: encrypted,
  },
];
