// Subnet managers that are wrong in one way each, made of the one in memory and of the one in a directory.
import type { StoreUnderTest } from '@overlay/conformance/subnet-manager';
import type { LeaseAttributes, LeaseEvent, OwnLease, PerFamily, Prefix, SubnetManager } from '@overlay/core';
import { parseNetConf, parsePrefix } from '@overlay/core';
import { concat, filter, firstValueFrom, map, NEVER, of, skip, take } from 'rxjs';
import { altered } from './alter.js';

/** Makes a subnet manager a bad one. */
export type Alter = (manager: SubnetManager, store: StoreUnderTest) => SubnetManager;

/** What it does wrong, as it follows "a subnet manager that"; how; and the test that names its fault. */
export type BrokenManager = readonly [what: string, alter: Alter, caughtBy: string];

const notAborted = { signal: new AbortController().signal };

/** One whose leases are other ones for their holders. */
function holding(alter: (own: OwnLease, store: StoreUnderTest) => Partial<OwnLease>): Alter {
  return (manager, store) =>
    altered(manager, {
      acquire: async (request, options) => {
        const own = await manager.acquire(request, options);
        return { ...own, ...alter(own, store) };
      },
    });
}

/** One that tells the holders of leases of other subnets and attributes. */
function telling(
  alter: (subnets: PerFamily<Prefix>, attributes: LeaseAttributes) => [PerFamily<Prefix>, LeaseAttributes],
): Alter {
  return holding((own) => ({
    state$: own.state$.pipe(
      map((state) => {
        const [subnets, attributes] = alter(state.lease.subnets, state.lease.attributes);
        return { ...state, lease: { ...state.lease, subnets, attributes } };
      }),
    ),
  }));
}

const SAME_FOR_ALL = parsePrefix('fd00:5:0:1::/64');

/** Without the leases that have gone. */
function withoutRemovals(event: LeaseEvent): LeaseEvent {
  return event.type === 'changes' ? { ...event, changes: event.changes.filter(({ type }) => type === 'set') } : event;
}

/** A configuration that is no more, and the one that some take for it all the same. */
const GONE = parsePrefix('10.9.0.0/16');
const STAYS = parseNetConf('{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}');

/** Made of the one in memory. */
export const BROKEN_MANAGERS: readonly BrokenManager[] = [
  [
    'gives one subnet to everybody',
    holding((own) => ({
      state$: own.state$.pipe(
        map((state) => ({ ...state, lease: { ...state.lease, subnets: { ipv4: parsePrefix('10.5.1.0/24') } } })),
      ),
    })),
    'acquire-at-once-ipv4',
  ],
  [
    'ignores which subnet is wanted',
    (manager) =>
      altered(manager, { acquire: ({ wanted: _, ...request }, options) => manager.acquire(request, options) }),
    'acquire-wanted',
  ],
  [
    'gives a host that asks again another lease',
    (manager) => {
      let asked = 0;
      return altered(manager, {
        acquire: (request, options) =>
          manager.acquire({ ...request, hostId: `${request.hostId}-${(asked += 1)}` }, options),
      });
    },
    'acquire-same-host-twice',
  ],
  [
    'says in its own words that the range is full',
    (manager) =>
      altered(manager, {
        acquire: (request, options) =>
          manager
            .acquire(request, options)
            .catch((error: unknown) => Promise.reject(new Error('full', { cause: error }))),
      }),
    'acquire-full-range',
  ],
  [
    'begins with changes instead of a snapshot',
    (manager) => altered(manager, { leases$: manager.leases$.pipe(skip(1)) }),
    'watch-snapshot-first',
  ],
  [
    'tells nobody of changes',
    (manager) => altered(manager, { leases$: manager.leases$.pipe(filter(({ type }) => type === 'snapshot')) }),
    'watch-changes',
  ],
  ['keeps what is published to itself', holding(() => ({ publish: async () => undefined })), 'watch-changes'],
  [
    'tells of what is published already',
    holding((own) => ({
      publish: async (attributes, options) => {
        await own.publish({ ...attributes, backendType: 'unsettled' }, options);
        await own.publish(attributes, options);
      },
    })),
    'watch-nothing-new',
  ],
  ['has nothing new to say when asked', (manager) => altered(manager, { resync: () => undefined }), 'resync-snapshot'],
  [
    'acquires although it was told not to',
    (manager) => altered(manager, { acquire: (request) => manager.acquire(request, notAborted) }),
    'abort',
  ],
  ['does not end its streams when it closes', (manager) => altered(manager, { close: async () => undefined }), 'close'],
  [
    'tells a host with IPv4 nothing of what it publishes there',
    telling((subnets, { ipv4, ...rest }) => [subnets, ipv4 && rest.ipv6 ? { ipv4, ...rest } : rest]),
    'acquire-ipv4',
  ],
  [
    'tells a host with IPv6 nothing of what it publishes there',
    telling((subnets, { ipv6, ...rest }) => [subnets, ipv6 && rest.ipv4 ? { ipv6, ...rest } : rest]),
    'acquire-ipv6',
  ],
  [
    'gives one family to whoever has two',
    telling(({ ipv4, ipv6 }, attributes) => [ipv4 ? { ipv4 } : { ipv6 }, attributes]),
    'acquire-dual',
  ],
  [
    'gives one IPv6 subnet to everybody who has nothing else',
    telling(({ ipv4, ipv6 }, attributes) => [ipv4 ? { ipv4, ipv6 } : { ipv6: SAME_FOR_ALL }, attributes]),
    'acquire-at-once-ipv6',
  ],
  [
    'gives one IPv6 subnet to everybody who has IPv4 too',
    telling(({ ipv4, ipv6 }, attributes) => [ipv4 && ipv6 ? { ipv4, ipv6: SAME_FOR_ALL } : { ipv4, ipv6 }, attributes]),
    'acquire-at-once-dual',
  ],
  [
    'tells another configuration than there is',
    (manager) =>
      altered(manager, {
        config$: manager.config$.pipe(
          map((event) =>
            event.type === 'config' ? { ...event, netConf: { ...event.netConf, ipv6: undefined } } : event,
          ),
        ),
      }),
    'config-at-once',
  ],
  [
    'lets a publication be overtaken by those after it',
    holding((own) => {
      let first = true;
      return {
        publish: async (attributes, options) => {
          const late = first;
          first = false;
          if (late) await new Promise(setImmediate);
          await own.publish(attributes, options);
        },
      };
    }),
    'publish-last-stays',
  ],
  ['is never sure of its view', (manager) => altered(manager, { confirmedAt: () => undefined }), 'confirmed-always'],
];

/** Made of the one in a directory, of which leases stay when it ends. */
export const BROKEN_ON_DISK: readonly BrokenManager[] = [
  [
    'knows nothing of an earlier run',
    (manager) => altered(manager, { previous: async () => undefined }),
    'acquire-again',
  ],
  [
    'knows hosts by other names than the people who reserve for them',
    (manager) =>
      altered(manager, {
        acquire: (request, options) => manager.acquire({ ...request, hostId: `${request.hostId}.example` }, options),
      }),
    'acquire-reserved',
  ],
  [
    'stays in a network that is no more',
    (manager) =>
      altered(manager, {
        acquire: (request, options) =>
          manager.acquire({ ...request, ...(request.netConf.ipv4?.network === GONE && { netConf: STAYS }) }, options),
      }),
    'acquire-other-network',
  ],
  [
    'begins anew when a second family comes',
    (manager) =>
      altered(manager, {
        acquire: (request, options) =>
          manager.acquire(
            request.netConf.ipv4 && request.netConf.ipv6 ? { ...request, hostId: `${request.hostId}-both` } : request,
            options,
          ),
      }),
    'acquire-second-family',
  ],
  [
    'gives its lease back when it closes',
    (manager, store) => {
      const given: PerFamily<Prefix>[] = [];
      return altered(manager, {
        acquire: async (request, options) => {
          const own = await manager.acquire(request, options);
          own.state$.pipe(take(1)).subscribe(({ lease }) => given.push(lease.subnets));
          return own;
        },
        close: async () => {
          await manager.close();
          for (const subnets of given.splice(0)) await store.remove(subnets).catch(() => undefined);
        },
      });
    },
    'close-keeps-lease',
  ],
  [
    'acquires to the end although it is closed',
    (manager) => {
      let acquiring: Promise<unknown> = Promise.resolve();
      return altered(manager, {
        acquire: (request, options) => {
          const asked = manager.acquire(request, options);
          acquiring = asked.catch(() => undefined);
          return asked;
        },
        close: async () => {
          await acquiring;
          await manager.close();
        },
      });
    },
    'close-while-acquiring',
  ],
  [
    'tells nobody of leases that have gone',
    (manager) => altered(manager, { leases$: manager.leases$.pipe(map(withoutRemovals)) }),
    'watch-removal',
  ],
  [
    'does not look after a lease that it has given',
    (manager) =>
      altered(manager, {
        acquire: async (request, options) => {
          const own = await manager.acquire(request, options);
          const state = await firstValueFrom(own.state$);
          await manager.close();
          return { ...own, state$: concat(of(state), NEVER) };
        },
      }),
    'held-lease-back',
  ],
  [
    'tells nobody of a rival',
    holding((own) => ({ state$: own.state$.pipe(map(({ lease }) => ({ lease }))) })),
    'rivals-told',
  ],
  [
    'is sure of what it has not asked',
    (manager) => altered(manager, { confirmedAt: () => Date.now() }),
    'confirmed-at',
  ],
];
