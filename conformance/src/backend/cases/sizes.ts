import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import type { Address, Family, Prefix } from '@overlay/core';
import { addressAt } from '@overlay/core';
import type { Need } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { BackendFeature } from '../features.js';
import type { World } from '../environment/world.js';
import { exchange, startEcho } from '../traffic/traffic.js';
import { reassembled } from '../traffic/reassembly.js';

const IP_HEADER = { ipv4: 20, ipv6: 40 } as const;
const UDP_HEADER = 8;
/** Many segments of the largest size, in both directions. */
const TCP_BYTES = 4 << 20;
/** More than one segment. */
const STREAM_BYTES = 20_000;
/** The number, in its subnet, of an address that no pod has. */
const UNUSED_POD = 99;

async function fullSizedTraffic(world: World): Promise<void> {
  const [a, b] = [world.namespaces(world.host(1)), world.namespaces(world.host(2))];
  const nodes = [a.pod, b.pod, a.host, b.host];
  for (const family of world.families) {
    const echo = await startEcho(b.pod, world.lab.directory);
    try {
      const before = await Promise.all(nodes.map((node) => reassembled(node)));
      const to = b.pod.addresses[family] as Address;
      const payload = a.pod.mtu - IP_HEADER[family] - UDP_HEADER;
      const wanted = { udp: [payload], tcp: [TCP_BYTES] };
      deepEqual(await exchange(a.pod, to, wanted), wanted, `${family} from ${a.pod.name} to ${to}`);
      const after = await Promise.all(nodes.map((node) => reassembled(node)));
      deepEqual(after, before, 'packets were cut and put together again on the way');
    } finally {
      await echo.close();
    }
  }
}

/** Payloads around every edge: none, odd ones, powers of two, and the last few up to what a packet can take. */
function edges(most: number): readonly number[] {
  const powers = Array.from({ length: 16 }, (_, at) => 2 ** at).flatMap((power) => [power - 1, power, power + 1]);
  const all = [...powers, ...[0, 1, 2, 3, 4, 5, 6, 7, 8].map((less) => most - less)];
  return [...new Set(all)].filter((bytes) => bytes >= 0 && bytes <= most).sort((a, b) => a - b);
}

async function everySize(world: World): Promise<void> {
  const [a, b] = [world.namespaces(world.host(1)), world.namespaces(world.host(2))];
  const echo = await startEcho(b.pod, world.lab.directory);
  try {
    for (const family of world.families) {
      const inPacket = a.pod.mtu - IP_HEADER[family];
      const wanted = { udp: edges(inPacket - UDP_HEADER), tcp: edges(STREAM_BYTES).filter((bytes) => bytes > 0) };
      const to = b.pod.addresses[family] as Address;
      deepEqual(await exchange(a.pod, to, wanted), wanted, `${family}: -1 in the place of what did not come back`);
    }
  } finally {
    await echo.close();
  }
}

/** Datagrams that the pod itself has to cut. */
async function largerThanMtu(world: World): Promise<void> {
  const [a, b] = [world.namespaces(world.host(1)), world.namespaces(world.host(2))];
  const echo = await startEcho(b.pod, world.lab.directory);
  try {
    for (const family of world.families) {
      const wanted = { udp: [a.pod.mtu + 1, 8192, 60_000], tcp: [] };
      const to = b.pod.addresses[family] as Address;
      deepEqual(await exchange(a.pod, to, wanted), wanted, `${family}: -1 in the place of what did not come back`);
    }
  } finally {
    await echo.close();
  }
}

function joinedTest(
  id: string,
  title: string,
  look: (world: World) => Promise<void>,
  needs: readonly Need[],
): BackendTest {
  return {
    ...{ id, title, features: [], needs },
    run: async (context) => {
      const world = await context.world({ hosts: 2 });
      await world.join();
      await look(world);
    },
  };
}

/** Pods that could send more than they should, so that the path decides what passes. */
async function exact(context: BackendTestContext, family: Family): Promise<void> {
  // Where the backend crosses routers it must not take a shortcut, which would carry more.
  const underlay = context.supports.crossesSubnets ? 'routed' : 'flat';
  const world = await context.world({ hosts: underlay === 'routed' ? 3 : 2, family, underlay });
  const ends = [world.host(1), world.host(underlay === 'routed' ? 3 : 2)] as const;
  for (const host of world.hosts) await host.start();
  for (const host of world.hosts) await world.knows(host, world.hosts.length - 1);
  const told = ends[0].running.agent.status().mtu;
  ok(told !== undefined && told >= 576);
  for (const host of ends) await world.addPod(host, told + 200);
  deepEqual(await world.site.waitConnected(context.timeouts.join), [], 'pods do not reach each other');
  const to = ends[1].pod.addresses[family] as Address;
  const fits = await world.site.ping(ends[0].pod, to, { count: 3, packetSize: told });
  if (fits.received !== 3) fail(`packets of the told ${told} bytes do not pass: ${fits.problem}`);
  const larger = await world.site.ping(ends[0].pod, to, { count: 3, packetSize: told + 1, patienceMs: 500 });
  equal(larger.received, 0, `${told + 1} bytes pass, so more than ${told} could have been told`);
}

function tells(family: Family, features: readonly BackendFeature[]): BackendTest {
  return {
    id: `mtu-exact-${family}`,
    title: `the MTU told is the largest that passes unfragmented, not a byte less: ${family}`,
    features,
    needs: [],
    run: (context) => exact(context, family),
  };
}

export const sizes: readonly BackendTest[] = [
  joinedTest(
    'full-size-tcp-udp',
    'TCP and UDP in packets of the whole MTU pass between pods, unfragmented',
    fullSizedTraffic,
    ['netns'],
  ),
  joinedTest('every-size', 'TCP and UDP of every size pass between pods unchanged, in each family', everySize, [
    'netns',
  ]),
  joinedTest('larger-than-mtu', 'datagrams that a pod has to cut arrive as they were', largerThanMtu, ['netns']),
  {
    id: 'source-kept',
    title: 'a pod sees the address of the pod that sends, not that of a host on the way',
    features: [],
    needs: [],
    run: async (context) => {
      const world = await context.world({ hosts: 2 });
      await world.join();
      const [from, to] = [world.host(1), world.host(2)];
      for (const family of world.families) {
        const subnet = from.running.agent.status().ownLease?.subnets[family] as Prefix;
        const { honest } = await world.site.spoof(from.pod, to.pod, addressAt(subnet, UNUSED_POD));
        ok(honest, `${family}: nothing arrives with the source ${from.pod.addresses[family]}`);
      }
    },
  },
  tells('ipv4', ['ipv4']),
  tells('ipv6', ['ipv6']),
];
