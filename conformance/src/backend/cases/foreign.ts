import { deepEqual, equal, ok } from 'node:assert/strict';
import type { BackendTest } from '../context.js';
import type { KernelItem } from '../environment/kernel-view.js';
import { KernelView } from '../environment/kernel-view.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';

/** Objects of others, beside ours and inside our networks. */
const FOREIGN = {
  both: [
    'link add foreign0 type bridge',
    'link set foreign0 up alias somebody-elses',
    'link add foreign1 type bridge',
    'link set foreign1 up alias overlay:conformance-other',
  ],
  ipv4: [
    'addr add 203.0.113.1/32 dev foreign0',
    'route add 198.51.100.0/24 dev foreign0 proto static',
    'route add 198.51.101.0/24 dev foreign0 proto 111',
    'route add 10.244.240.0/24 dev foreign0 proto static metric 7',
    'neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev foreign0 nud permanent',
  ],
  ipv6: [
    'addr add 2001:db8:1::1/128 dev foreign0 nodad',
    'route add 2001:db8:2::/64 dev foreign0 proto static',
    'route add 2001:db8:3::/64 dev foreign0 proto 111',
    'route add fd44:0:0:f0::/64 dev foreign0 proto static metric 7',
    'neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:09 dev foreign0 nud permanent',
  ],
} as const;

async function disturb(host: OverlayHost, families: readonly ('ipv4' | 'ipv6')[]): Promise<KernelView> {
  const before = await host.view();
  for (const line of [...FOREIGN.both, ...families.flatMap((family) => FOREIGN[family])]) {
    await host.lab.exec(['ip', ...line.split(' ')]);
  }
  const foreign = (await host.view()).minus(before);
  // Two devices, and five objects in each family, and what the kernel adds to them.
  ok(foreign.size >= 2 + 5 * families.length, foreign.items.map(({ text }) => text).join('; '));
  return foreign;
}

function still(foreign: KernelView, now: KernelView, when: string): void {
  const gone: KernelItem[] = foreign.items.filter((item) => !now.has(item));
  deepEqual(
    gone.map(({ text }) => text),
    [],
    `objects of others, ${when}`,
  );
}

export const foreign: readonly BackendTest[] = [
  {
    id: 'foreign-untouched',
    title: 'objects of others stay as they are through the whole life of an agent',
    features: [],
    needs: ['netns'],
    run: async (context) => {
      const world = await context.world({ hosts: 3 });
      const host = world.host(1);
      const theirs = await disturb(host, world.families);
      const lease = await world.leaseOf(world.host(3), FIRST_UNUSED);
      world.store.set(lease);
      await host.start();
      await world.host(2).start();
      await world.knows(host, 2);
      still(theirs, await host.view(), 'after the start');
      world.store.delete(lease.key);
      await world.knows(host, 1);
      host.running.linux.reconciler.audit();
      await world.knows(host, 1);
      still(theirs, await host.view(), 'after a peer went');
      await host.kill();
      await host.start();
      await world.knows(host, 1);
      still(theirs, await host.view(), 'after a restart');
      await host.stop();
      still(theirs, await host.view(), 'after the end');
    },
  },
  {
    id: 'own-marks',
    title: 'own devices carry the instance as their alias, own routes the protocol number',
    features: [],
    needs: ['netns'],
    run: async (context) => {
      const world = await context.world({ hosts: 2 });
      await world.join();
      const host = world.host(1);
      const { linux } = host.running;
      const own = world.own.get(host) ?? new KernelView([]);
      for (const { raw, text } of own.of('link')) equal(raw.ifalias, linux.alias, text);
      // Those of an own address the kernel makes itself.
      const routes = own.of('route').filter(({ raw }) => String(raw.protocol) !== '2' && raw.protocol !== 'kernel');
      for (const { raw, text } of routes) equal(String(raw.protocol), String(linux.routeProtocol), text);
      ok(own.size > 0, 'the backend put nothing into the kernel');
    },
  },
];
