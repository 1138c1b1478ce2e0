// What is compared without being read must come out as if it were read: the kinds' own scan against their own reading.
import { describe, expect, test } from '@jest/globals';
import type { Address, Mac, Prefix } from '@overlay/core';
import { fdbKind } from '../../dist/kinds/fdb-kind.js';
import { neighbourKind } from '../../dist/kinds/neighbour-kind.js';
import type { FdbObject, NeighbourObject, RouteObject } from '../../dist/kinds/objects.js';
import { routeKind } from '../../dist/kinds/route-kind.js';
import type { KernelEvents } from '../../dist/kernel/events.js';
import type { BatchContext } from '../../dist/kinds/batch.js';
import { eachMessage, newFdb, newNeighbour, newRoute } from '../../dist/netlink/index.js';
import type { NetlinkMessage } from '../../dist/netlink/index.js';
import type { KernelObject, Kind, Sighting } from '../../dist/reconciler/kind.js';
import { ReadSighting } from '../../dist/reconciler/read-sighting.js';

const LINKS = new Map([
  [7, 'flannel.1'],
  [8, 'eth0'],
]);
const events = {} as KernelEvents;
const options = { protocols: new Set([111]), metric: () => 5 };

/** What the kinds ask of the kernel, answered with these messages: the encoders' requests have the shape of answers. */
function answering(messages: readonly Uint8Array[]): BatchContext {
  const port = {
    dump: (_request: Uint8Array, take: (message: NetlinkMessage) => void) => {
      eachMessage(Buffer.concat(messages), take);
      return Promise.resolve();
    },
  };
  return {
    session: { use: (request: (given: typeof port) => Promise<void>) => request(port) },
    links: {
      ready: () => Promise.resolve(),
      byIndex: (index: number) => (LINKS.has(index) ? { name: LINKS.get(index), index } : undefined),
    },
  } as unknown as BatchContext;
}

async function sightings<D extends KernelObject>(
  kind: Kind<D>,
  each: (sighting: Sighting<D>, read: D) => void,
): Promise<void> {
  const filter = { wanted: () => [] };
  await kind.scan?.(filter, (sighting) => each(sighting, sighting.read()), new AbortController().signal);
}

/** Compares by sighting and by reading; gives how many pairs had the same key, and how many of these satisfied. */
async function compare<D extends KernelObject>(
  kind: Kind<D>,
  wanted: readonly D[],
): Promise<{ seen: number; unread: number; matched: number; satisfied: number }> {
  const counts = { seen: 0, unread: 0, matched: 0, satisfied: 0 };
  const wrong: unknown[] = [];
  const { index } = kind;
  if (!index) throw new Error('the kind has no index');
  await sightings(kind, (sighting, read) => {
    counts.seen += 1;
    if (!(sighting instanceof ReadSighting)) counts.unread += 1;
    if (sighting.hash !== index.hash(read)) wrong.push({ read, hash: sighting.hash });
    for (const object of wanted) {
      const matches = sighting.hasKeyOf(object);
      if (matches !== index.sameKey(read, object)) wrong.push({ read, object, matches });
      if (!matches) continue;
      counts.matched += 1;
      const satisfies = sighting.satisfies(object);
      if (satisfies !== kind.satisfies(read, object)) wrong.push({ read, object, satisfies });
      if (satisfies) counts.satisfied += 1;
    }
  });
  expect(wrong).toEqual([]);
  return counts;
}

const product = <A, B>(as: readonly A[], bs: readonly B[]): [A, B][] =>
  as.flatMap((a) => bs.map((b): [A, B] => [a, b]));
const ADDRESSES = ['10.244.1.0', '10.244.1.1', '255.255.255.255', '0.0.0.1', 'fd00:42::', 'fd00:42::1'] as Address[];
const MACS = ['02:00:00:00:00:01', 'fe:ff:ff:ff:ff:ff', '02:00:00:00:01:00', '02:00:00:00:00:02'] as Mac[];
const LINK_NAMES = [...LINKS];

describe('what a dump comes upon', () => {
  test('routes', async () => {
    const destinations = [
      '10.244.1.0/24',
      '10.244.1.0/25',
      '10.244.0.0/16',
      '0.0.0.0/0',
      'fd00:42::/56',
      'fd00:42::/64',
    ];
    const gateways = [undefined, '10.244.1.0', '192.168.77.2', 'fd00:42::', 'fe80::1'] as (Address | undefined)[];
    const routes: RouteObject[] = [];
    for (const [destination, gateway] of product(destinations as Prefix[], gateways)) {
      if (gateway && gateway.includes(':') !== destination.includes(':')) continue;
      for (const [onlink, metric] of product([true, false], [5, 1024])) {
        for (const [protocol, link] of product([111, 3], ['flannel.1', 'eth0'])) {
          const route: RouteObject = { kind: 'route', destination, link, onlink, metric, protocol };
          routes.push(gateway ? { ...route, gateway } : route);
        }
      }
    }
    const some = routes.filter((_, at) => at % 5 === 0);
    const withSource = some.map((route) => ({
      ...route,
      prefSrc: (route.destination.includes(':') ? 'fd00::9' : '10.9.9.9') as Address,
    }));
    const messages = [...routes, ...withSource].map(({ kind: _, link, ...route }) =>
      newRoute({ ...route, outIndex: link === 'eth0' ? 8 : 7 }, 'upsert'),
    );
    // None of our tables, and not plain ones: read as ever, or left out.
    messages.push(
      newRoute({ destination: '10.244.1.0/24' as Prefix, table: 100, outIndex: 7, metric: 5 }, 'upsert'),
      newRoute({ destination: '10.244.1.0/24' as Prefix, type: 'blackhole', metric: 5 }, 'upsert'),
    );
    const kind = routeKind(answering(messages), events, options);
    const counts = await compare(kind, [...routes, ...withSource]);
    // Once for each family that is asked for.
    expect(counts.seen).toBe((messages.length - 1) * 2);
    const defaults = routes.filter(({ destination }) => destination === '0.0.0.0/0');
    expect(counts.unread).toBe((routes.length - defaults.length) * 2);
    expect(counts.satisfied).toBe((routes.length + withSource.length) * 2);
    expect(counts.matched).toBeGreaterThan(counts.satisfied * 4);
  });

  test('neighbours', async () => {
    const wanted: NeighbourObject[] = [];
    const messages: Uint8Array[] = [];
    for (const [[index, link], [address, mac]] of product(LINK_NAMES, product(ADDRESSES, MACS))) {
      wanted.push({ kind: 'neighbour', link, address, mac });
      messages.push(newNeighbour({ index, address, mac }, 'upsert'));
      messages.push(newNeighbour({ index, address, mac, state: 'stale' }, 'upsert'));
    }
    messages.push(newNeighbour({ index: 9, address: ADDRESSES[0], mac: MACS[0] }, 'upsert'));
    messages.push(newFdb({ index: 7, mac: MACS[0], destination: ADDRESSES[0] }, 'upsert'));
    const counts = await compare(neighbourKind(answering(messages), events), wanted);
    const { length } = wanted;
    expect(counts).toEqual({ seen: length, unread: length, matched: length * MACS.length, satisfied: length });
  });

  test('forwarding entries', async () => {
    const wanted: FdbObject[] = [];
    const messages: Uint8Array[] = [];
    for (const [[index, link], [dst, mac]] of product(LINK_NAMES, product(ADDRESSES, MACS))) {
      wanted.push({ kind: 'fdb', link, mac, dst });
      messages.push(newFdb({ index, mac, destination: dst }, 'upsert'));
      messages.push(newFdb({ index, mac, destination: dst, state: 'reachable' }, 'upsert'));
    }
    messages.push(newFdb({ index: 7, mac: '00:00:00:00:00:00' as Mac, destination: ADDRESSES[0] }, 'upsert'));
    messages.push(newFdb({ index: 7, mac: MACS[0] }, 'upsert'));
    messages.push(newNeighbour({ index: 7, address: ADDRESSES[0], mac: MACS[0] }, 'upsert'));
    const counts = await compare(fdbKind(answering(messages), events), wanted);
    const { length } = wanted;
    expect(counts).toEqual({ seen: length, unread: length, matched: length * ADDRESSES.length, satisfied: length });
  });
});
