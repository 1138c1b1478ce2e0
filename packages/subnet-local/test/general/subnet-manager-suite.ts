import { setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type {
  LeaseAttributes,
  NetConf,
  OwnLease,
  OwnLeaseState,
  PerFamily,
  Prefix,
  SubnetManager,
} from '@overlay/core';
import { errorCode, FAMILIES, parseNetConf, parsePrefix, prefixesOverlap, subnetFits } from '@overlay/core';
import { firstValueFrom } from 'rxjs';
import { until } from './until.js';
import { WatchedLeases } from './watched-leases.js';

/** One store, empty at first, that several subnet managers share as the agents of several hosts would. */
export interface StoreUnderTest {
  /** Another subnet manager on the same store. The suite closes it. */
  manager(netConf: NetConf): SubnetManager;
  /** Removes a lease as a person would, past every subnet manager. */
  remove(subnets: PerFamily<Prefix>): Promise<void>;
  dispose(): Promise<void>;
}

const IPV4 = parseNetConf('{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}');
const DUAL = parseNetConf(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"host-gw"}}',
);
const IPV6 = parseNetConf(
  '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"host-gw"}}',
);
const CONFS = { ipv4: IPV4, ipv6: IPV6, dual: DUAL } as const;
/** Eight subnets, and not one more. */
const EIGHT = parseNetConf(
  '{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.15.0","Backend":{"Type":"host-gw"}}',
);

/** What must hold for any subnet manager whose hosts choose their subnets. Written against the interface alone. */
export function subnetManagerSuite(name: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${name}, as any subnet manager`, () => {
    let store: StoreUnderTest;
    let managers: SubnetManager[];
    const { signal } = new AbortController();
    setMaxListeners(0, signal);

    beforeEach(async () => {
      store = await create();
      managers = [];
    });
    afterEach(async () => {
      await Promise.all(managers.map((manager) => manager.close()));
      await store.dispose();
    });

    function manager(netConf: NetConf = IPV4): SubnetManager {
      const made = store.manager(netConf);
      managers.push(made);
      return made;
    }

    async function acquire(on: SubnetManager, host: number, netConf = IPV4, wanted?: PerFamily<Prefix>): Promise<Held> {
      const request = { hostId: `host-${host}`, netConf, attributes: attributes(host, netConf), wanted };
      const own = await on.acquire(request, { signal });
      return { own, ...(await firstValueFrom(own.state$)) };
    }

    test('gives the configuration at once', async () => {
      expect(await firstValueFrom(manager(DUAL).config$)).toEqual({ type: 'config', netConf: DUAL });
    });

    test('begins with a snapshot, also on an empty store', async () => {
      const watched = new WatchedLeases(manager());
      await until('a first event', () => watched.events.length > 0);
      expect(watched.events[0]).toEqual({ type: 'snapshot', leases: [] });
    });

    test.each(['ipv4', 'ipv6', 'dual'] as const)('gives a lease that fits the configuration: %s', async (family) => {
      const netConf = CONFS[family];
      const { lease, problem } = await acquire(manager(netConf), 1, netConf);
      expect(problem).toBeUndefined();
      expect(lease.attributes).toEqual(attributes(1, netConf));
      for (const each of FAMILIES) {
        const conf = netConf[each];
        const subnet = lease.subnets[each];
        expect(subnet !== undefined).toBe(conf !== undefined);
        if (conf && subnet) expect(subnetFits(conf, subnet)).toBe(true);
      }
    });

    test.each(['ipv4', 'ipv6', 'dual'] as const)('8 hosts at once get different subnets: %s', async (family) => {
      const netConf = CONFS[family];
      const held = await Promise.all(numbers(8).map((host) => acquire(manager(netConf), host, netConf)));
      expectDisjoint(held.map(({ lease }) => lease.subnets));
      const watched = new WatchedLeases(manager(netConf));
      await until('all leases', () => watched.leases.size === 8);
      expect(watched.subnets).toEqual(Object.fromEntries(held.map(({ lease }) => [lease.key, lease.subnets])));
    });

    test('gives every subnet of the range and then says that it is full', async () => {
      const held = await Promise.all(numbers(8).map((host) => acquire(manager(EIGHT), host, EIGHT)));
      expect(held.map(({ lease }) => lease.subnets.ipv4).sort()).toEqual(
        numbers(8)
          .map((n) => `10.5.${n + 7}.0/24`)
          .sort(),
      );
      const error = await acquire(manager(EIGHT), 9, EIGHT).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(errorCode(error)).toBe('OVERLAY_RANGE_FULL');
      expect((error as Error).message).toMatch(/^[^\n]*10\.5\.8\.0[^\n]*10\.5\.15\.0[^\n]*$/);
    });

    test('gives a host its lease again, with the new attributes, also after a restart', async () => {
      const first = manager();
      const before = await acquire(first, 1);
      expect(await first.previous('host-1', { signal })).toMatchObject({ subnets: before.lease.subnets });
      expect(await first.previous('host-2', { signal })).toBeUndefined();
      await first.close();
      const second = manager();
      expect(await second.previous('host-1', { signal })).toMatchObject({
        key: before.lease.key,
        subnets: before.lease.subnets,
        attributes: before.lease.attributes,
      });
      const request = { hostId: 'host-1', netConf: IPV4, attributes: attributes(77, IPV4) };
      const again = await second.acquire(request, { signal });
      expect((await firstValueFrom(again.state$)).lease).toMatchObject({
        key: before.lease.key,
        subnets: before.lease.subnets,
        attributes: attributes(77, IPV4),
      });
    });

    test('gives the wanted subnet if it is free and fits, else another', async () => {
      const subnet = (text: string): PerFamily<Prefix> => ({ ipv4: parsePrefix(text) });
      const first = await acquire(manager(), 1, IPV4, subnet('10.5.99.0/24'));
      expect(first.lease.subnets).toEqual(subnet('10.5.99.0/24'));
      for (const wanted of ['10.5.99.0/24', '10.6.1.0/24', '10.5.98.0/25', '10.5.0.0/24']) {
        const host = 2 + wanted.length;
        const { lease } = await acquire(manager(), host, IPV4, subnet(wanted));
        expect(lease.subnets.ipv4).not.toBe(wanted);
        expect(subnetFits(IPV4.ipv4!, lease.subnets.ipv4!)).toBe(true);
      }
    });

    test('a lease that no longer fits the configuration is left for one that does', async () => {
      const first = manager();
      const before = await acquire(first, 1);
      await first.close();
      const narrow = parseNetConf('{"Network":"10.9.0.0/16","Backend":{"Type":"host-gw"}}');
      const after = await acquire(manager(narrow), 1, narrow);
      expect(subnetFits(narrow.ipv4!, after.lease.subnets.ipv4!)).toBe(true);
      expect(after.lease.key).toBe(before.lease.key);
      const watched = new WatchedLeases(manager());
      await until('a snapshot', () => watched.events.length > 0);
      expect(watched.subnets).toEqual({ [after.lease.key]: after.lease.subnets });
    });

    test('a host that gets a second family keeps the subnet of the first', async () => {
      const [first, second] = [manager(), manager(DUAL)];
      const before = await acquire(first, 1);
      await first.close();
      const after = await acquire(second, 1, DUAL);
      await second.close();
      expect(after.lease.subnets.ipv4).toBe(before.lease.subnets.ipv4);
      expect(after.lease.subnets.ipv6).toBeDefined();
      const back = await acquire(manager(), 1);
      expect(back.lease.subnets).toEqual(before.lease.subnets);
    });

    test('peers learn of a new lease, of other attributes and of a removal', async () => {
      const watched = new WatchedLeases(manager());
      await until('a snapshot', () => watched.events.length > 0);
      const { own, lease } = await acquire(manager(), 1);
      await until('the lease', () => watched.leases.has(lease.key));
      expect(watched.leases.get(lease.key)).toMatchObject({ subnets: lease.subnets, attributes: lease.attributes });

      await own.publish(attributes(55, IPV4), { signal });
      await until('the attributes', () => watched.leases.get(lease.key)?.attributes.ipv4?.publicIP === '192.0.2.55');
      expect(watched.leases.get(lease.key)).toMatchObject({ subnets: lease.subnets, attributes: attributes(55, IPV4) });
      expect((await firstValueFrom(own.state$)).lease.attributes).toEqual(attributes(55, IPV4));

      await managers[1].close();
      await store.remove(lease.subnets);
      await until('the removal', () => !watched.leases.has(lease.key));
    });

    test('publishing what is published already tells peers nothing', async () => {
      const { own, lease } = await acquire(manager(), 1);
      const watched = new WatchedLeases(manager());
      await until('the lease', () => watched.leases.has(lease.key));
      const events = watched.events.length;
      await own.publish(attributes(1, IPV4), { signal });
      const other = await acquire(manager(), 2);
      await until('the next lease', () => watched.leases.has(other.lease.key));
      const keys = watched.events.slice(events).flatMap((event) => (event.type === 'changes' ? event.changes : []));
      expect(keys.filter((change) => change.type === 'set' && change.lease.key === lease.key)).toEqual([]);
    });

    test('of several publications the last one stays', async () => {
      const { own } = await acquire(manager(), 1);
      await Promise.all(numbers(20).map((n) => own.publish(attributes(n, IPV4), { signal })));
      expect((await firstValueFrom(own.state$)).lease.attributes).toEqual(attributes(20, IPV4));
      expect(await manager().previous('host-1', { signal })).toMatchObject({ attributes: attributes(20, IPV4) });
    });

    test('a lease that was removed by hand is taken again, the same subnet', async () => {
      const { own, lease } = await acquire(manager(), 1);
      const states: OwnLeaseState[] = [];
      own.state$.subscribe((state) => states.push(state));
      const observer = manager();
      await store.remove(lease.subnets);
      await until('the lease again', async () => (await observer.previous('host-1', { signal })) !== undefined);
      const found = await observer.previous('host-1', { signal });
      expect(found).toMatchObject({ subnets: lease.subnets, attributes: lease.attributes });
      expect(states.every((state) => state.lease.subnets.ipv4 === lease.subnets.ipv4)).toBe(true);
    });

    test('resync gives a new snapshot', async () => {
      const on = manager();
      const { lease } = await acquire(on, 1);
      const watched = new WatchedLeases(on);
      await until('a snapshot', () => watched.snapshots > 0);
      const before = watched.snapshots;
      on.resync();
      await until('another snapshot', () => watched.snapshots > before);
      expect(watched.subnets).toEqual({ [lease.key]: lease.subnets });
    });

    test('two hosts that publish one address are both told', async () => {
      const first = await acquire(manager(), 1);
      const request = { hostId: 'host-2', netConf: IPV4, attributes: attributes(1, IPV4) };
      const second = await manager().acquire(request, { signal });
      for (const own of [first.own, second]) {
        const state = await until('the problem', async () => {
          const current = await firstValueFrom(own.state$);
          return current.problem !== undefined && current;
        });
        expect(state.problem).toContain('192.0.2.1');
      }
      await second.publish(attributes(2, IPV4), { signal });
      for (const own of [first.own, second]) {
        await until('no problem', async () => (await firstValueFrom(own.state$)).problem === undefined);
      }
    });

    test('says when it was last sure', async () => {
      const on = manager();
      const before = Date.now();
      expect(on.confirmedAt()).toBeUndefined();
      await acquire(on, 1);
      const at = on.confirmedAt();
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(Date.now());
    });

    test('stops when told before it begins, and while it waits', async () => {
      const on = manager(EIGHT);
      const request = { hostId: 'host-1', netConf: EIGHT, attributes: attributes(1, EIGHT) };
      const aborted = AbortSignal.abort();
      await expect(on.acquire(request, { signal: aborted })).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
      await expect(on.previous('host-1', { signal: aborted })).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
      const midway = new AbortController();
      const acquiring = on.acquire(request, { signal: midway.signal }).then(
        () => 'acquired',
        (error: unknown) => errorCode(error),
      );
      midway.abort();
      expect(['acquired', 'OVERLAY_ABORTED']).toContain(await acquiring);
      const { own } = await acquire(on, 1, EIGHT);
      await expect(own.publish(attributes(3, EIGHT), { signal: aborted })).rejects.toMatchObject({
        code: 'OVERLAY_ABORTED',
      });
    });

    test('closing ends the streams, keeps the lease in the store, and refuses what comes after', async () => {
      const on = manager();
      const watched = new WatchedLeases(on);
      const { own } = await acquire(on, 1);
      let ended = false;
      own.state$.subscribe({ complete: () => (ended = true) });
      await Promise.all([on.close(), on.close()]);
      await on.close();
      expect(watched.completed).toBe(true);
      expect(watched.error).toBeUndefined();
      expect(ended).toBe(true);
      const request = { hostId: 'host-1', netConf: IPV4, attributes: attributes(1, IPV4) };
      await expect(on.acquire(request, { signal })).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
      await expect(on.previous('host-1', { signal })).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
      await expect(own.publish(attributes(2, IPV4), { signal })).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
      on.resync();
      expect(await manager().previous('host-1', { signal })).toBeDefined();
    });

    test('closing while a lease is being acquired ends that', async () => {
      const on = manager();
      const request = { hostId: 'host-1', netConf: IPV4, attributes: attributes(1, IPV4) };
      const acquiring = on.acquire(request, { signal }).then(
        () => 'acquired',
        (error: unknown) => errorCode(error),
      );
      await on.close();
      expect(await acquiring).toBe('OVERLAY_CLOSED');
    });
  });
}

interface Held extends OwnLeaseState {
  readonly own: OwnLease;
}

/** What host number `n` publishes. */
function attributes(n: number, netConf: NetConf): LeaseAttributes {
  return {
    backendType: 'host-gw',
    ...(netConf.ipv4 && { ipv4: { publicIP: `192.0.2.${n}`, data: { VNI: 1, n } } }),
    ...(netConf.ipv6 && { ipv6: { publicIP: `2001:db8::${n}` } }),
  } as unknown as LeaseAttributes;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

function expectDisjoint(all: readonly PerFamily<Prefix>[]): void {
  for (const family of FAMILIES) {
    const subnets = all.map((one) => one[family]).filter((subnet) => subnet !== undefined);
    const overlapping = subnets.filter((a, at) => subnets.slice(at + 1).some((b) => prefixesOverlap(a, b)));
    expect(overlapping).toEqual([]);
  }
}
