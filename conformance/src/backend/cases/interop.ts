import { deepEqual, equal } from 'node:assert/strict';
import type { Address, Lease } from '@overlay/core';
import { formatLeaseValue, parseLeaseValue } from '@overlay/core';
import type { Ending } from '../../suite/test-record.js';
import { blocked } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';

async function leaseAsFlannels(context: BackendTestContext): Promise<void> {
  const world = await context.world({ hosts: 1 });
  const lease = await world.leaseOf(world.host(1), FIRST_UNUSED);
  const reading = parseLeaseValue(formatLeaseValue(lease.attributes));
  deepEqual('attributes' in reading ? reading.attributes : reading.problem, lease.attributes);
}

async function secondImplementation(context: BackendTestContext): Promise<Ending> {
  const { counterpart, type } = context;
  if (counterpart === undefined) {
    return blocked(`no second implementation of ${type} is known; give one as \`counterpart\``);
  }
  const obstacle = counterpart.obstacle?.();
  if (obstacle !== undefined) return blocked(obstacle);
  const world = await context.world({ hosts: 2 });
  const [host, other] = [world.host(1), world.host(2)];
  const node = world.lab.hosts[1];
  const subnets = world.store.subnets(world.netConf, FIRST_UNUSED);
  const { attributes, mtu, add } = await counterpart.setUp({
    host: node,
    netConf: world.netConf,
    subnets,
    mtu: world.site.mtu,
  });
  const theirs: Lease = { key: 'counterpart', subnets, attributes };
  world.store.set(theirs);
  await host.start();
  await world.knows(host, 1);
  const { ownLease, mtu: told } = host.running.agent.status();
  await add(ownLease as Lease);
  equal(told, mtu, `the MTU told, and that of ${counterpart.name}`);
  await world.addPod(host);
  const networks = Object.fromEntries(world.families.map((family) => [family, [world.netConf[family]?.network]]));
  await other.machine.addPod({ subnets, networks, mtu });
  deepEqual(await world.site.waitConnected(context.timeouts.join), [], `with ${counterpart.name}`);
  deepEqual(await world.site.silentPairs(), [], `with ${counterpart.name}`);
  for (const family of world.families) {
    const to = other.pod.addresses[family] as Address;
    const { received } = await world.site.ping(host.pod, to, { count: 3, packetSize: mtu });
    equal(received, 3, `packets of ${mtu} bytes`);
  }
  return undefined;
}

export const interop: readonly BackendTest[] = [
  {
    id: 'interop-lease',
    title: "what a host publishes is the same after a way through flannel's form of a lease",
    features: ['flannelInterop'],
    needs: [],
    run: leaseAsFlannels,
  },
  {
    id: 'interop-second',
    title: 'a host of another implementation is reached, and reaches this one, with packets of the whole MTU',
    features: ['flannelInterop'],
    needs: ['netns'],
    run: secondImplementation,
  },
];
