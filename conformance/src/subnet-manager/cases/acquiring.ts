import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import type { PerFamily, Prefix } from '@overlay/core';
import { errorCode, FAMILIES, parseNetConf, parsePrefix, prefixesOverlap, subnetFits } from '@overlay/core';
import { WatchedLeases } from '@overlay/core/testing';
import { firstValueFrom } from 'rxjs';
import type { SubnetManagerTest } from '../context.js';
import { attributes, CONFS, EIGHT, numbers } from '../context.js';

/** So many hosts ask in one moment. */
const CROWD = 64;
const CHOICES = ['ipv4', 'ipv6', 'dual'] as const;

function disjoint(all: readonly PerFamily<Prefix>[]): void {
  for (const family of FAMILIES) {
    const subnets = all.map((one) => one[family]).filter((subnet) => subnet !== undefined);
    const overlapping = subnets.filter((a, at) => subnets.slice(at + 1).some((b) => prefixesOverlap(a, b)));
    deepEqual(overlapping, [], `${family} subnets that were given to two hosts`);
  }
}

const subnet = (text: string): PerFamily<Prefix> => ({ ipv4: parsePrefix(text) });

function eachChoice(make: (choice: (typeof CHOICES)[number]) => SubnetManagerTest): readonly SubnetManagerTest[] {
  return CHOICES.map(make);
}

export const acquiring: readonly SubnetManagerTest[] = [
  ...eachChoice((choice) => ({
    id: `acquire-${choice}`,
    title: `a lease fits the configuration and carries what the host publishes: ${choice}`,
    features: [],
    needs: [],
    run: async (context) => {
      const netConf = CONFS[choice];
      const { lease, problem } = await context.acquire(context.manager(netConf), 1, netConf);
      equal(problem, undefined);
      deepEqual(lease.attributes, attributes(1, netConf));
      for (const family of FAMILIES) {
        const [conf, given] = [netConf[family], lease.subnets[family]];
        equal(given !== undefined, conf !== undefined, family);
        if (conf && given) ok(subnetFits(conf, given), given);
      }
    },
  })),
  ...eachChoice((choice) => ({
    id: `acquire-at-once-${choice}`,
    title: `${CROWD} hosts at once get different subnets, and peers see them: ${choice}`,
    features: [],
    needs: [],
    run: async (context) => {
      const netConf = CONFS[choice];
      const held = await Promise.all(
        numbers(CROWD).map((host) => context.acquire(context.manager(netConf), host, netConf)),
      );
      disjoint(held.map(({ lease }) => lease.subnets));
      const watched = new WatchedLeases(context.manager(netConf));
      await context.until('all leases', () => watched.leases.size === CROWD);
      deepEqual(watched.subnets, Object.fromEntries(held.map(({ lease }) => [lease.key, lease.subnets])));
    },
  })),
  {
    id: 'acquire-full-range',
    title: 'every subnet of the range is given, and then it is said that it is full',
    features: ['chooses'],
    needs: [],
    run: async (context) => {
      const held = await Promise.all(numbers(8).map((host) => context.acquire(context.manager(EIGHT), host, EIGHT)));
      const given = held.map(({ lease }) => lease.subnets.ipv4 as string);
      const range = numbers(8).map((n) => `10.5.${n + 7}.0/24`);
      deepEqual(given.sort(), range.sort());
      const error = await context.acquire(context.manager(EIGHT), 9, EIGHT).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      equal(errorCode(error), 'OVERLAY_RANGE_FULL');
      match((error as Error).message, /^[^\n]*10\.5\.8\.0[^\n]*10\.5\.15\.0[^\n]*$/);
    },
  },
  {
    id: 'acquire-again',
    title: 'a host gets its lease again after a restart, with what it publishes now',
    features: ['persistent'],
    needs: [],
    run: async (context) => {
      const { signal } = context;
      const first = context.manager();
      const before = await context.acquire(first, 1);
      deepEqual((await first.previous('host-1', { signal }))?.subnets, before.lease.subnets);
      equal(await first.previous('host-2', { signal }), undefined);
      await first.close();
      const second = context.manager();
      const found = await second.previous('host-1', { signal });
      deepEqual(
        [found?.key, found?.subnets, found?.attributes],
        [before.lease.key, before.lease.subnets, before.lease.attributes],
      );
      const request = { hostId: 'host-1', netConf: CONFS.ipv4, attributes: attributes(77, CONFS.ipv4) };
      const { lease } = await firstValueFrom((await second.acquire(request, { signal })).state$);
      deepEqual(
        [lease.key, lease.subnets, lease.attributes],
        [before.lease.key, before.lease.subnets, attributes(77, CONFS.ipv4)],
      );
    },
  },
  {
    id: 'acquire-same-host-twice',
    title: 'a host that asks again has one lease, not two',
    features: [],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const [first, second] = [await context.acquire(on, 1), await context.acquire(on, 1)];
      deepEqual([second.lease.key, second.lease.subnets], [first.lease.key, first.lease.subnets]);
      const watched = new WatchedLeases(context.manager());
      await context.until('a snapshot', () => watched.snapshots > 0);
      deepEqual(watched.subnets, { [first.lease.key]: first.lease.subnets });
    },
  },
  {
    id: 'acquire-wanted',
    title: 'the wanted subnet is given if it is free and fits, else another',
    features: ['chooses'],
    needs: [],
    run: async (context) => {
      const first = await context.acquire(context.manager(), 1, CONFS.ipv4, subnet('10.5.99.0/24'));
      deepEqual(first.lease.subnets, subnet('10.5.99.0/24'));
      for (const [at, wanted] of ['10.5.99.0/24', '10.6.1.0/24', '10.5.98.0/25', '10.5.0.0/24'].entries()) {
        const { lease } = await context.acquire(context.manager(), 2 + at, CONFS.ipv4, subnet(wanted));
        const given = lease.subnets.ipv4;
        notEqual(given, wanted);
        ok(given && CONFS.ipv4.ipv4 && subnetFits(CONFS.ipv4.ipv4, given), given);
      }
    },
  },
  {
    id: 'acquire-reserved',
    title: 'a reserved subnet is given to its host and to nobody else',
    features: ['chooses', 'reserves'],
    needs: [],
    run: async (context) => {
      ok(context.store.reserve !== undefined, 'supports.reserves is true, and the store under test has no `reserve`');
      await context.store.reserve('host-9', subnet('10.5.15.0/24'));
      const others = await Promise.all(numbers(7).map((n) => context.acquire(context.manager(EIGHT), n, EIGHT)));
      ok(others.every(({ lease }) => lease.subnets.ipv4 !== '10.5.15.0/24'));
      await rejects(context.acquire(context.manager(EIGHT), 8, EIGHT), { code: 'OVERLAY_RANGE_FULL' });
      const { lease } = await context.acquire(context.manager(EIGHT), 9, EIGHT);
      deepEqual(lease.subnets, subnet('10.5.15.0/24'));
      equal(lease.expiresAt, undefined, 'a reservation does not end');
    },
  },
  {
    id: 'acquire-other-network',
    title: 'a lease that no longer fits the configuration is left for one that does',
    features: ['chooses', 'persistent'],
    needs: [],
    run: async (context) => {
      const first = context.manager();
      const before = await context.acquire(first, 1);
      await first.close();
      const other = parseNetConf('{"Network":"10.9.0.0/16","Backend":{"Type":"host-gw"}}');
      const after = await context.acquire(context.manager(other), 1, other);
      ok(other.ipv4 && after.lease.subnets.ipv4 && subnetFits(other.ipv4, after.lease.subnets.ipv4));
      equal(after.lease.key, before.lease.key);
      const watched = new WatchedLeases(context.manager());
      await context.until('a snapshot', () => watched.snapshots > 0);
      deepEqual(watched.subnets, { [after.lease.key]: after.lease.subnets });
    },
  },
  {
    id: 'acquire-second-family',
    title: 'a host that gets a second family keeps the subnet of the first',
    features: ['persistent'],
    needs: [],
    run: async (context) => {
      const first = context.manager();
      const before = await context.acquire(first, 1);
      await first.close();
      const second = context.manager(CONFS.dual);
      const after = await context.acquire(second, 1, CONFS.dual);
      await second.close();
      equal(after.lease.subnets.ipv4, before.lease.subnets.ipv4);
      notEqual(after.lease.subnets.ipv6, undefined);
      const back = await context.acquire(context.manager(), 1);
      deepEqual(back.lease.subnets, before.lease.subnets);
    },
  },
];
