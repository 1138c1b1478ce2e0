import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import type { Address, Family } from '@overlay/core';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { BackendFeature } from '../features.js';
import type { World } from '../environment/world.js';
import { exchange, startEcho } from '../traffic/traffic.js';
import { reassembled } from '../traffic/reassembly.js';

const IP_HEADER = { ipv4: 20, ipv6: 40 } as const;
const UDP_HEADER = 8;
/** Many segments of the largest size, in both directions. */
const TCP_BYTES = 4 << 20;

async function fullSizedTraffic(world: World): Promise<void> {
  const [a, b] = [world.namespaces(world.host(1)), world.namespaces(world.host(2))];
  const nodes = [a.pod, b.pod, a.host, b.host];
  for (const family of world.families) {
    const echo = await startEcho(b.pod, world.lab.directory);
    try {
      const before = await Promise.all(nodes.map((node) => reassembled(node)));
      const to = b.pod.addresses[family] as Address;
      const payload = a.pod.mtu - IP_HEADER[family] - UDP_HEADER;
      const result = await exchange(a.pod, to, { udpBytes: payload, tcpBytes: TCP_BYTES });
      deepEqual(result, { udp: payload, tcp: TCP_BYTES }, `${family} from ${a.pod.name} to ${to}`);
      const after = await Promise.all(nodes.map((node) => reassembled(node)));
      deepEqual(after, before, 'packets were cut and put together again on the way');
    } finally {
      await echo.close();
    }
  }
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
  {
    id: 'full-size-tcp-udp',
    title: 'TCP and UDP in packets of the whole MTU pass between pods, unfragmented',
    features: [],
    needs: ['netns'],
    run: async (context) => {
      const world = await context.world({ hosts: 2 });
      await world.join();
      await fullSizedTraffic(world);
    },
  },
  tells('ipv4', ['ipv4']),
  tells('ipv6', ['ipv6']),
];
