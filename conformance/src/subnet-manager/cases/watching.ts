import { deepEqual, equal, ok } from 'node:assert/strict';
import type { OwnLeaseState } from '@overlay/core';
import { WatchedLeases } from '@overlay/core/testing';
import { firstValueFrom } from 'rxjs';
import type { SubnetManagerTest } from '../context.js';
import { attributes, CONFS, numbers } from '../context.js';

const NETCONF = CONFS.ipv4;

export const watching: readonly SubnetManagerTest[] = [
  {
    id: 'config-at-once',
    title: 'the configuration is given at once',
    features: [],
    needs: [],
    run: async (context) => {
      deepEqual(await firstValueFrom(context.manager(CONFS.dual).config$), { type: 'config', netConf: CONFS.dual });
    },
  },
  {
    id: 'watch-snapshot-first',
    title: 'leases begin with a snapshot, also on an empty store and for each subscriber',
    features: [],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const first = new WatchedLeases(on);
      await context.until('a first event', () => first.events.length > 0);
      deepEqual(first.events[0], { type: 'snapshot', leases: [] });
      const { lease } = await context.acquire(on, 1);
      await context.until('the lease', () => first.leases.has(lease.key));
      const second = new WatchedLeases(on);
      await context.until('a first event', () => second.events.length > 0);
      equal(second.events[0].type, 'snapshot');
      await context.until('the lease', () => second.leases.has(lease.key));
    },
  },
  {
    id: 'watch-changes',
    title: 'peers learn of a new lease and of other attributes, and so does its holder',
    features: [],
    needs: [],
    run: async (context) => {
      const watched = new WatchedLeases(context.manager());
      await context.until('a snapshot', () => watched.events.length > 0);
      const { own, lease } = await context.acquire(context.manager(), 1);
      const seen = await context.until('the lease', () => watched.leases.get(lease.key));
      deepEqual([seen.subnets, seen.attributes], [lease.subnets, lease.attributes]);
      await own.publish(attributes(55, NETCONF), context);
      await context.until(
        'the attributes',
        () => watched.leases.get(lease.key)?.attributes.ipv4?.publicIP === '192.0.2.55',
      );
      const now = watched.leases.get(lease.key);
      deepEqual([now?.subnets, now?.attributes], [lease.subnets, attributes(55, NETCONF)]);
      deepEqual((await firstValueFrom(own.state$)).lease.attributes, attributes(55, NETCONF));
    },
  },
  {
    id: 'watch-removal',
    title: 'peers learn of a lease that was removed and is not held any more',
    features: ['persistent'],
    needs: [],
    run: async (context) => {
      const watched = new WatchedLeases(context.manager());
      const holder = context.manager();
      const { lease } = await context.acquire(holder, 1);
      await context.until('the lease', () => watched.leases.has(lease.key));
      await holder.close();
      await context.store.remove(lease.subnets);
      await context.until('the removal', () => !watched.leases.has(lease.key));
    },
  },
  {
    id: 'watch-nothing-new',
    title: 'publishing what is published already tells peers nothing',
    features: [],
    needs: [],
    run: async (context) => {
      const { own, lease } = await context.acquire(context.manager(), 1);
      const watched = new WatchedLeases(context.manager());
      await context.until('the lease', () => watched.leases.has(lease.key));
      const events = watched.events.length;
      await own.publish(attributes(1, NETCONF), context);
      const other = await context.acquire(context.manager(), 2);
      await context.until('the next lease', () => watched.leases.has(other.lease.key));
      const told = watched.events.slice(events).flatMap((event) => (event.type === 'changes' ? event.changes : []));
      deepEqual(
        told.filter((change) => change.type === 'set' && change.lease.key === lease.key),
        [],
      );
    },
  },
  {
    id: 'publish-last-stays',
    title: 'of several publications the last one stays',
    features: [],
    needs: [],
    run: async (context) => {
      const { own } = await context.acquire(context.manager(), 1);
      await Promise.all(numbers(20).map((n) => own.publish(attributes(n, NETCONF), context)));
      deepEqual((await firstValueFrom(own.state$)).lease.attributes, attributes(20, NETCONF));
      deepEqual((await context.manager().previous('host-1', context))?.attributes, attributes(20, NETCONF));
    },
  },
  {
    id: 'held-lease-back',
    title: 'a held lease that was removed by hand is taken again, the same subnet',
    features: [],
    needs: [],
    run: async (context) => {
      const { own, lease } = await context.acquire(context.manager(), 1);
      const states: OwnLeaseState[] = [];
      own.state$.subscribe((state) => states.push(state));
      const observer = context.manager();
      await context.store.remove(lease.subnets);
      const found = await context.until('the lease again', () => observer.previous('host-1', context));
      deepEqual([found.subnets, found.attributes], [lease.subnets, lease.attributes]);
      ok(states.every((state) => state.lease.subnets.ipv4 === lease.subnets.ipv4));
    },
  },
  {
    id: 'resync-snapshot',
    title: 'resync gives a new snapshot',
    features: [],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const { lease } = await context.acquire(on, 1);
      const watched = new WatchedLeases(on);
      await context.until('a snapshot', () => watched.snapshots > 0);
      const before = watched.snapshots;
      on.resync();
      await context.until('another snapshot', () => watched.snapshots > before);
      deepEqual(watched.subnets, { [lease.key]: lease.subnets });
    },
  },
  {
    id: 'rivals-told',
    title: 'two hosts that publish one address are both told, until one of them has another',
    features: ['tellsRivals'],
    needs: [],
    run: async (context) => {
      const first = await context.acquire(context.manager(), 1);
      const request = { hostId: 'host-2', netConf: NETCONF, attributes: attributes(1, NETCONF) };
      const second = await context.manager().acquire(request, context);
      for (const own of [first.own, second]) {
        const problem = await context.until('the problem', async () => (await firstValueFrom(own.state$)).problem);
        ok(problem.includes('192.0.2.1'), problem);
      }
      await second.publish(attributes(2, NETCONF), context);
      for (const own of [first.own, second]) {
        await context.until('no problem', async () => (await firstValueFrom(own.state$)).problem === undefined);
      }
    },
  },
  {
    id: 'confirmed-always',
    title: 'a view that is the store itself is always sure',
    features: [],
    lacks: ['confirms'],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const before = Date.now();
      const at = on.confirmedAt() ?? 0;
      ok(at >= before && at <= Date.now(), `before anything was asked: ${at}`);
    },
  },
  {
    id: 'confirmed-at',
    title: 'it is said when the view was last sure',
    features: ['confirms'],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const before = Date.now();
      equal(on.confirmedAt(), undefined);
      await context.acquire(on, 1);
      const at = on.confirmedAt() ?? 0;
      ok(at >= before && at <= Date.now(), String(at));
    },
  },
];
