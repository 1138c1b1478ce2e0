import { expect, test } from '@jest/globals';
import { hostGw } from '@overlay/backend-host-gw';
import type { Lease } from '@overlay/core';
import { Agent, parseAddress, parseNetConf, parsePrefix, StaticSubnetManager } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import { TestHost } from '../support/test-host.js';
import { until } from '../support/until.js';

const PEERS = 12;
const APART_MS = 30;

function lease(number: number): Lease {
  return {
    key: `n${number}`,
    subnets: { ipv4: parsePrefix(`10.244.${number}.0/24`) },
    attributes: { backendType: 'host-gw', ipv4: { publicIP: parseAddress(`192.168.77.${100 + number}`) } },
  };
}

test('no route goes when a store tells the deletion of every lease by itself', async () => {
  await using host = await TestHost.create();
  const store = new StaticSubnetManager({
    netConf: parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"host-gw"}}'),
    leases: Array.from({ length: PEERS }, (_, at) => lease(at + 1)),
  });
  const linux = openLinux({ netns: `/run/netns/${host.netns}` });
  const agent = new Agent({
    hostId: 'h0',
    subnetManager: store,
    backends: [hostGw({ linux })],
    host$: linux.host$({ iface: ['eth0'] }),
  });
  try {
    await agent.start();
    await agent.ready({ signal: AbortSignal.timeout(15_000) });
    const routes = async (): Promise<number> => (await host.ip('route show proto 111')).trim().split('\n').length;
    await until(async () => (await routes()) === PEERS, 'every peer has its route');
    const { writes } = linux.session;
    for (let number = 1; number <= PEERS; number += 1) {
      store.delete(`n${number}`);
      const told = performance.now();
      await until(() => performance.now() - told > APART_MS, 'the next one is deleted');
    }
    await until(() => agent.status().heldRemovalCount === PEERS, 'every removal is held');
    expect(await routes()).toBe(PEERS);
    expect(linux.session.writes).toBe(writes);
  } finally {
    await agent.stop();
    await store.close();
    await linux.close();
  }
}, 60_000);
