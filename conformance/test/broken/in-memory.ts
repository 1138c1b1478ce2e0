// Backends that are wrong in one way each, made of the reference backend.
import type { MemoryHost, MemoryKernel } from '@overlay/backend-memory';
import { openMemory } from '@overlay/backend-memory';
import type { BackendSupports, Lease, LeaseUpdate, PerFamily, Prefix } from '@overlay/core';
import { addressAt, OverlayError, parsePrefix, prefixContains, systemClock } from '@overlay/core';
import type { KernelObject } from '@overlay/linux';
import { map, take } from 'rxjs';
import type { Factory } from './alter.js';
import { broken, hears, tells } from './alter.js';
import { good, isRoute, isTunnel, wants, withKinds, withScope } from './rewire.js';

/** A backend that is wrong. */
export interface BrokenBackend {
  /** What it does wrong, as it follows "a backend that". */
  readonly what: string;
  readonly factory: Factory<MemoryKernel>;
  /** The test that names its fault. */
  readonly caughtBy: string;
  /** How many tests may fail, that one too: a fault that shows in many places is seen in many. 4 unless told. */
  readonly atMost?: number;
  readonly profiles?: readonly string[];
}

const never = new Promise<never>(() => undefined);
const notAborted = new AbortController().signal;

/** Passes on peers of the delta or snapshot, altered one by one. */
function eachLease(alter: (lease: Lease) => Lease): Factory<MemoryKernel> {
  return hears(good, (update) =>
    update.type === 'delta'
      ? { ...update, set: update.set.map(alter) }
      : { ...update, leases: update.leases.map(alter) },
  );
}

/** Peers as they were first heard of, in a part of what they are. */
function remembers(part: (first: Lease, now: Lease) => Lease): Factory<MemoryKernel> {
  return broken(good, {
    network: (of) => {
      const known = new Map<string, Lease>();
      const first = (now: Lease): Lease => {
        const before = known.get(now.key) ?? now;
        known.set(now.key, before);
        return part(before, now);
      };
      const forget = (keep: ReadonlySet<string>): void => {
        for (const key of known.keys()) if (!keep.has(key)) known.delete(key);
      };
      const apply = (update: LeaseUpdate): void => {
        if (update.type === 'snapshot') {
          forget(new Set(update.leases.map(({ key }) => key)));
          known.clear();
          of.apply({ ...update, leases: update.leases.map(first) });
        } else {
          for (const key of update.deleted) known.delete(key);
          of.apply({ ...update, set: update.set.map(first) });
        }
      };
      return { apply };
    },
  });
}

/** The reference backend, which says otherwise what it can do. */
export function supports(more: object): Factory<MemoryKernel> {
  return (kernel) => {
    const made = good(kernel);
    const claimed = { ...made.supports, ...more };
    return broken(() => ({ ...made, supports: claimed }), { backend: () => ({ supports: claimed }) })(kernel);
  };
}

/** Families that the factory promises, and the backend does not have. */
function promisesMore(lacks: Partial<BackendSupports>): Factory<MemoryKernel> {
  return broken(good, { backend: (of) => ({ supports: { ...of.supports, ...lacks } }) });
}

/** Hosts whose last network was closed, for one that is broken. */
const ENDED_WELL = new WeakSet<MemoryHost>();
/** What the runs before on a host knew of peers, for one that is broken. */
const KNOWN = new WeakMap<MemoryHost, Map<string, Lease>>();

/** More peers than a backend may have that counts them in 14 bits. */
const MOST_PEERS = 16_384;

export const BROKEN_IN_MEMORY: readonly BrokenBackend[] = [
  // What it says of itself
  {
    what: 'says only when it is made that it has no IPv4',
    factory: promisesMore({ ipv4: false, dualStack: false }),
    caughtBy: 'refuse-ipv4',
    atMost: 2,
  },
  {
    what: 'says only when it is made that it has no IPv6',
    factory: promisesMore({ ipv6: false, dualStack: false }),
    caughtBy: 'refuse-ipv6',
    atMost: 2,
  },
  {
    what: 'says only when it is made that it has no two families at once',
    factory: promisesMore({ dualStack: false }),
    caughtBy: 'refuse-dual',
    atMost: 2,
  },
  { what: 'says a feature that nobody knows', factory: supports({ teleports: true }), caughtBy: 'declares' },
  {
    what: 'says that it carries IPv6, and does not',
    factory: wants((object) => (isRoute(object) && object.destination.includes(':') ? undefined : object)),
    caughtBy: 'join-ipv6',
    atMost: 40,
  },
  {
    what: 'publishes something else each time',
    factory: broken(good, {
      backend: (of) => ({
        attributes$: (context) =>
          of.attributes$(context).pipe(
            map((attributes) => {
              const data = { Channel: 1, Nonce: Math.random() };
              return { ...attributes, ...(attributes.ipv4 && { ipv4: { ...attributes.ipv4, data } }) };
            }),
          ),
      }),
    }),
    caughtBy: 'attributes-stable',
  },
  {
    what: 'says that its type can change without moving traffic',
    factory: broken(good, { backend: () => ({ liveOptions: ['Channel', 'Type'] }) }),
    caughtBy: 'declares',
  },
  {
    what: 'stumbles over nonsense when it looks for what a host claims',
    factory: broken(good, {
      backend: () => ({
        claims: ({ attributes: { ipv4, ipv6 } }) => {
          const endpoint = ipv4 ?? ipv6;
          if (endpoint === undefined) return [];
          const { Channel: channel } = endpoint.data as { readonly Channel: number };
          return [`${endpoint.publicIP} on ${channel.toFixed(0)}`];
        },
      }),
    }),
    caughtBy: 'claims-own',
  },
  {
    what: 'claims the same for every host',
    factory: broken(good, { backend: () => ({ claims: () => ['the link'] }) }),
    caughtBy: 'claims-own',
    atMost: 60,
  },
  {
    what: 'understands what hosts of every type publish',
    factory: broken(good, { backend: () => ({ understands: () => true }) }),
    caughtBy: 'understands-own',
  },
  // Joining
  {
    what: 'does not reach beyond a router',
    factory: wants((object, _owner, { host }) => {
      if (!isRoute(object)) return object;
      const near = Object.values(host.prefixes).some((prefix: Prefix) => prefixContains(prefix, object.via));
      return near ? object : undefined;
    }),
    caughtBy: 'join-routed',
  },
  {
    what: 'starts its second network in the place of the first',
    factory: wants((object) => (isTunnel(object) ? { ...object, name: 'mem' } : { ...object, tunnel: 'mem' })),
    caughtBy: 'two-instances',
  },
  {
    what: 'carries one family, whichever comes first',
    factory: withScope((scope) => ({
      set: (owner, objects, source) => {
        const routes = objects.filter(isRoute);
        const [first] = routes.map(({ destination }) => destination.includes(':'));
        const kept = objects.filter((object) => !isRoute(object) || object.destination.includes(':') === first);
        scope.set(owner, kept, source);
      },
    })),
    caughtBy: 'join-dual',
    atMost: 40,
  },
  {
    what: 'says that it does not reach beyond a router, and does',
    factory: supports({ crossesSubnets: false }),
    caughtBy: 'join-routed-refused',
    atMost: 1,
  },
  // Sizes
  {
    what: 'tells an MTU that is too large',
    factory: tells(good, (state) => ({ ...state, mtu: state.mtu + 1 })),
    caughtBy: 'mtu-exact-ipv4',
    atMost: 8,
  },
  {
    what: 'tells an MTU that is too small',
    factory: tells(good, (state) => ({ ...state, mtu: state.mtu - 1 })),
    caughtBy: 'mtu-exact-ipv4',
  },
  // Peers
  {
    what: 'leaks the routes of peers that went',
    factory: withScope((scope) => ({ delete: (owner) => (owner === '' ? scope.delete(owner) : undefined) })),
    caughtBy: 'peer-removed',
    atMost: 9,
  },
  {
    what: 'hears of no peer that went, but in a snapshot',
    factory: hears(good, (update) => (update.type === 'delta' ? { ...update, deleted: [] } : update)),
    caughtBy: 'peer-removed',
    atMost: 4,
  },
  {
    what: 'takes a snapshot for the news that nobody is left',
    factory: hears(good, (update) => (update.type === 'snapshot' ? { ...update, leases: [] } : update)),
    caughtBy: 'peer-removed',
    atMost: 45,
  },
  {
    what: 'ignores what a peer publishes anew',
    factory: remembers((first, now) => ({ ...now, attributes: first.attributes })),
    caughtBy: 'peer-moved',
    atMost: 6,
  },
  {
    what: 'ignores that a peer has another subnet',
    factory: remembers((first, now) => ({ ...now, subnets: first.subnets })),
    caughtBy: 'peer-other-subnet',
  },
  {
    what: 'forgets one family when the other one changes',
    factory: broken(good, {
      network: (of) => {
        const known = new Map<string, Lease>();
        const half = (lease: Lease): Lease => {
          const before = known.get(lease.key);
          known.set(lease.key, lease);
          const { ipv4, ipv6 } = lease.subnets;
          const moved = before !== undefined && before.attributes.ipv4?.publicIP !== lease.attributes.ipv4?.publicIP;
          const subnets: PerFamily<Prefix> = moved && ipv6 !== undefined ? { ipv4 } : { ipv4, ipv6 };
          return ipv4 === undefined ? lease : { ...lease, subnets };
        };
        return {
          apply: (update) => of.apply(update.type === 'delta' ? { ...update, set: update.set.map(half) } : update),
        };
      },
    }),
    caughtBy: 'peer-one-family',
    atMost: 6,
  },
  {
    what: 'writes everything again whenever it looks',
    factory: withKinds(() => ({ satisfies: () => false })),
    caughtBy: 'no-change-no-write',
    atMost: 30,
  },
  {
    what: 'takes peers of another type for its own',
    factory: eachLease((lease) => ({ ...lease, attributes: { ...lease.attributes, backendType: 'memory' } })),
    caughtBy: 'other-type',
  },
  // Its life
  {
    what: 'opens although it was told not to',
    factory: broken(good, {
      backend: (of) => ({
        open: (context) => of.open({ ...context, signal: context.signal.aborted ? notAborted : context.signal }),
      }),
    }),
    caughtBy: 'open-aborted',
  },
  {
    what: 'hangs when it is told to stop opening',
    factory: broken(good, {
      backend: (of) => ({ open: (context) => of.open({ ...context, signal: notAborted }) }),
    }),
    caughtBy: 'open-aborted-midway',
  },
  {
    what: 'empties its tables when it closes',
    factory: broken(good, { network: (of) => ({ close: () => of.close({ remove: true }) }) }),
    caughtBy: 'close-stays',
    atMost: 6,
  },
  {
    what: 'goes on after it was closed',
    factory: broken(good, { network: () => ({ close: async () => undefined }) }),
    caughtBy: 'close-stays',
    atMost: 20,
  },
  {
    what: 'never ends when it closes',
    factory: broken(good, { network: () => ({ close: () => never }) }),
    caughtBy: 'close-stays',
    atMost: 60,
  },
  {
    what: 'leaves everything when it is closed for good',
    factory: broken(good, { network: (of) => ({ close: () => of.close() }) }),
    caughtBy: 'close-removes',
  },
  {
    what: 'takes away what a network beside it has, when it is closed for good',
    factory: broken(good, {
      network: (of, { host, owner }) => ({
        close: async (options) => {
          await of.close(options);
          if (options?.remove !== true) return;
          for (const tunnel of host.table.tunnels)
            if (tunnel.owner === owner) host.table.delete(tunnel, 'a broken one');
        },
      }),
    }),
    caughtBy: 'close-removes-beside',
  },
  {
    what: 'says that it reaches every peer that it is told of',
    factory: broken(good, { network: () => ({ reaches: () => true }) }),
    caughtBy: 'reaches-peers',
  },
  {
    what: 'begins anew when it is opened again in one process',
    factory: (kernel) => {
      let opened = false;
      return broken(good, {
        backend: (of, { host, owner }) => ({
          open: async (context) => {
            const own = host.table.tunnels.filter((tunnel) => opened && tunnel.owner === owner);
            for (const tunnel of own) host.table.delete(tunnel, 'a broken one');
            // As long as making devices may take, so that pings meet it however quick the machine is.
            if (opened) await new Promise<void>((resolve) => systemClock.after(50, resolve));
            opened = true;
            return of.open(context);
          },
        }),
      })(kernel);
    },
    caughtBy: 'reopens-in-place',
  },
  {
    what: 'changes the host while it only looks',
    factory: broken(good, {
      backend: (of, { host }) => ({
        preflight: async (options) => {
          host.setMtu(host.mtu - 1);
          return of.preflight(options);
        },
      }),
    }),
    caughtBy: 'preflight-looks-only',
  },
  {
    what: 'finds something fatal on a good host',
    factory: broken(good, {
      backend: () => ({
        preflight: async () => [{ level: 'error', check: 'mood', message: 'not today', remedy: 'come back tomorrow' }],
      }),
    }),
    caughtBy: 'preflight-looks-only',
  },
  {
    what: 'is ready before its own objects are there',
    factory: (kernel) =>
      tells(
        withKinds((kind) => ({
          put: async (objects, signal) => {
            if (kind.name === 'memory-tunnel') for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
            return kind.put(objects, signal);
          },
        })),
        (state) => ({ ...state, phase: 'ready' }),
      )(kernel),
    caughtBy: 'ready-when-in-place',
  },
  // How it is
  {
    what: 'never says that its own objects are refused',
    factory: tells(good, ({ mtu, phase }) => ({ mtu, phase: phase === 'failed' ? 'starting' : phase })),
    caughtBy: 'status-refused-device',
  },
  {
    what: 'says that all is well',
    factory: broken(good, {
      network: (of) => ({ status: () => ({ ...of.status(), failed: 0, pending: 0, problems: [] }) }),
    }),
    caughtBy: 'status-refused-peer',
    atMost: 6,
  },
  {
    what: 'gives up what was refused once',
    factory: withKinds((kind) => ({
      put: async (objects, signal) => {
        await kind.put(objects, signal);
        return objects.map(() => undefined);
      },
    })),
    caughtBy: 'status-refused-peer',
    atMost: 6,
  },
  // What is not its own
  {
    what: 'removes what others have put there',
    factory: withScope((scope) => ({ claim: (kind) => scope.claim(kind, () => true) })),
    caughtBy: 'foreign-untouched',
    atMost: 4,
  },
  {
    what: 'puts no mark on what it makes',
    factory: (kernel) => wants((object) => ({ ...object, owner: 'nobody' }))(kernel),
    caughtBy: 'own-marks',
    atMost: 6,
  },
  // Healing
  {
    what: 'never looks at what has become of its objects',
    factory: withKinds((kind) => ({ watch: kind.name === 'none' ? kind.watch : undefined })),
    caughtBy: 'heal-route-deleted',
    atMost: 12,
  },
  {
    what: 'mends what was undone once, and not what is undone again',
    factory: withKinds((kind) => {
      const undone = new Set<string>();
      return {
        watch: (sink) => {
          const deleted: typeof sink.deleted = (object) => {
            const key = kind.key(object);
            if (!undone.has(key)) sink.deleted(object);
            undone.add(key);
          };
          return kind.watch?.({ ...sinkOf(sink), deleted }) ?? ((): void => undefined);
        },
      };
    }),
    caughtBy: 'heal-again',
  },
  {
    what: 'mends routes, and no devices',
    factory: withKinds((kind) => (kind.name === 'memory-tunnel' ? { watch: undefined } : {})),
    caughtBy: 'heal-device-down',
    atMost: 4,
  },
  {
    what: 'mends one thing of all that is undone at once',
    factory: withKinds((kind) => {
      let busy = false;
      return {
        watch: (sink) => {
          const deleted: typeof sink.deleted = (object) => {
            if (!busy) sink.deleted(object);
            busy = true;
            setImmediate(() => (busy = false));
          };
          return kind.watch?.({ ...sinkOf(sink), deleted }) ?? ((): void => undefined);
        },
      };
    }),
    caughtBy: 'heal-routes-flushed',
  },
  {
    what: 'mends devices that were changed, and none that is gone',
    factory: withKinds((kind) =>
      kind.name === 'memory-tunnel'
        ? {
            watch: (sink) => kind.watch?.({ ...sinkOf(sink), deleted: () => undefined }) ?? ((): void => undefined),
          }
        : {},
    ),
    caughtBy: 'heal-device-deleted',
  },
  {
    what: 'takes a device of any MTU for its own as it should be',
    factory: withKinds((kind) => ({
      satisfies: (actual, wanted) =>
        kind.satisfies(
          isTunnel(actual) && isTunnel(wanted) ? ({ ...actual, mtu: wanted.mtu } as KernelObject) : actual,
          wanted,
        ),
    })),
    caughtBy: 'heal-device-mtu',
  },
  {
    what: 'ends with the interface that it began on',
    factory: broken(good, {
      backend: (of) => ({
        open: async (context) => {
          let first: number | undefined;
          const network = await of.open(context);
          context.host$.subscribe(({ interface: { index } }) => {
            first ??= index;
            if (index !== first) network.close({ remove: true }).catch(() => undefined);
          });
          return network;
        },
      }),
    }),
    caughtBy: 'host-interface-again',
  },
  {
    what: 'loses for good what it was not told',
    factory: withKinds((kind) => ({
      watch: (sink) => kind.watch?.({ ...sinkOf(sink), lost: () => undefined }) ?? ((): void => undefined),
    })),
    caughtBy: 'heal-lost-notification',
  },
  {
    what: 'does not follow its host',
    factory: broken(good, {
      backend: (of) => ({ open: (context) => of.open({ ...context, host$: context.host$.pipe(take(1)) }) }),
    }),
    caughtBy: 'host-mtu-changed',
  },
  {
    what: 'publishes the address that its host had first',
    factory: broken(good, {
      backend: (of) => ({ attributes$: (context) => of.attributes$(context).pipe(take(1)) }),
    }),
    caughtBy: 'host-address-changed',
  },
  // Restart
  {
    what: 'publishes after a restart the address that it had before',
    factory: broken(good, {
      backend: (of) => ({
        attributes$: (context) =>
          of.attributes$(context).pipe(map((attributes) => context.previous?.attributes ?? attributes)),
      }),
    }),
    caughtBy: 'restart-host-moved',
  },
  {
    what: 'removes what is left over before it knows its peers',
    factory: broken(good, {
      backend: (of) => ({
        open: async (context) => {
          const network = await of.open(context);
          network.apply({ type: 'snapshot', leases: [] });
          return network;
        },
      }),
    }),
    caughtBy: 'restart-patient',
    atMost: 5,
  },
  {
    what: 'leaves what an earlier run has made',
    factory: withScope(() => ({ claim: () => undefined })),
    caughtBy: 'restart-peer-gone',
    atMost: 4,
  },
  {
    what: 'begins with an empty table',
    factory: broken(good, {
      backend: (of, { host, owner }) => ({
        open: (context) => {
          for (const tunnel of host.table.tunnels) if (tunnel.owner === owner) host.table.delete(tunnel, owner);
          return of.open(context);
        },
      }),
    }),
    caughtBy: 'restart-stopped',
    atMost: 8,
  },
  {
    what: 'begins with an empty table after an end that it did not see coming',
    factory: (kernel) => {
      const { host, owner, faults } = kernel;
      return broken(good, {
        backend: (of) => ({
          open: (context) => {
            if (!ENDED_WELL.has(host)) {
              for (const tunnel of host.table.tunnels)
                if (tunnel.owner === owner) host.table.delete(tunnel, 'a broken one');
            }
            ENDED_WELL.delete(host);
            return of.open(context);
          },
        }),
        network: (of) => ({
          close: async (options) => {
            if (!faults.severed) ENDED_WELL.add(host);
            await of.close(options);
          },
        }),
      })(kernel);
    },
    caughtBy: 'restart-killed',
  },
  {
    what: 'believes what it knew of peers when it ran last',
    factory: (kernel) =>
      broken(good, {
        network: (of) => {
          const known = KNOWN.get(kernel.host) ?? new Map<string, Lease>();
          KNOWN.set(kernel.host, known);
          const before = new Map(known);
          const old = (lease: Lease): Lease => {
            const { attributes } = before.get(lease.key) ?? lease;
            before.delete(lease.key);
            known.set(lease.key, lease);
            return { ...lease, attributes };
          };
          return {
            apply: (update) =>
              of.apply(
                update.type === 'delta'
                  ? { ...update, set: update.set.map(old) }
                  : { ...update, leases: update.leases.map(old) },
              ),
          };
        },
      })(kernel),
    caughtBy: 'restart-peer-moved',
  },
  // Security
  {
    what: 'accepts packets with the sources of others',
    factory: wants((object) => (isTunnel(object) ? { ...object, checksSource: false } : object)),
    caughtBy: 'spoofed-source',
  },
  {
    what: 'stumbles over what a peer publishes',
    factory: eachLease((lease) => {
      const endpoint = lease.attributes.ipv4 ?? lease.attributes.ipv6;
      const data = endpoint?.data;
      if (endpoint && (typeof data !== 'object' || data === null)) {
        throw new OverlayError('OVERLAY_LEASE_INVALID', 'no channel');
      }
      return lease;
    }),
    caughtBy: 'hostile-peers',
    atMost: 4,
  },
  // Scale
  {
    what: 'begins anew with every change',
    factory: broken(good, {
      network: (of) => {
        const known = new Map<string, Lease>();
        return {
          apply: (update) => {
            if (update.type === 'snapshot') known.clear();
            for (const lease of update.type === 'snapshot' ? update.leases : update.set) known.set(lease.key, lease);
            if (update.type === 'delta') for (const key of update.deleted) known.delete(key);
            of.apply({ type: 'snapshot', leases: [] });
            queueMicrotask(() => of.apply({ type: 'snapshot', leases: [...known.values()] }));
          },
        };
      },
    }),
    caughtBy: 'scale-one-moves',
    profiles: ['Scale'],
  },
  {
    what: 'puts no more peers in place than it can count',
    factory: withScope((scope) => {
      const owners = new Set<string>();
      return {
        set: (owner, objects, source) => {
          owners.add(owner);
          scope.set(owner, owners.size > MOST_PEERS ? [] : objects, source);
        },
        delete: (owner) => {
          owners.delete(owner);
          scope.delete(owner);
        },
      };
    }),
    caughtBy: 'scale-tens-of-thousands',
    profiles: ['Scale'],
  },
  // With others
  {
    what: "publishes what flannel's lease has no place for",
    factory: (kernel) =>
      broken(supports({ flannelInterop: true }), {
        backend: (of) => ({
          attributes$: (context) => of.attributes$(context).pipe(map((attributes) => ({ ...attributes, Rack: 'b7' }))),
        }),
      })(kernel),
    caughtBy: 'interop-lease',
    profiles: ['Interop'],
  },
  // What is left on the host
  {
    what: 'leaves something open on its host',
    factory: (kernel) => {
      const made = good(kernel);
      const open = (): unknown => openMemory(kernel.host);
      return { ...made, create: (init) => (open(), made.create(init)) };
    },
    caughtBy: 'attributes-stable',
    atMost: 60,
  },
  {
    what: 'sends to a place that nobody has',
    factory: wants((object) =>
      isRoute(object) && !object.via.includes(':')
        ? { ...object, via: addressAt(parsePrefix('192.0.2.0/24'), 1) }
        : object,
    ),
    caughtBy: 'join-ipv4',
    atMost: 40,
  },
];

/** A sink as a plain object, so that some of it can be put in another's place. */
function sinkOf<T extends object>(sink: T): T {
  const members = ['changed', 'deleted', 'suspect', 'linkGone', 'linkAppeared', 'lost'] as const;
  return Object.fromEntries(
    members.map((name) => [
      name,
      (...args: unknown[]) => (Reflect.get(sink, name) as (...a: unknown[]) => void).apply(sink, args),
    ]),
  ) as T;
}
