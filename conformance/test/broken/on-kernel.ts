// Backends that are wrong in one way each on the real kernel, made of ours.
import { execFileSync, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { hostGw } from '@overlay/backend-host-gw';
import { vxlan } from '@overlay/backend-vxlan';
import type { BackendTimeouts } from '@overlay/conformance/backend';
import type { BackendSupports, LeaseUpdate } from '@overlay/core';
import type { KernelObject, Linux, Scope } from '@overlay/linux';
import { concat, map, NEVER, take } from 'rxjs';
import type { Factory } from './alter.js';
import { altered, broken, hears, tells } from './alter.js';

/** A backend that is wrong. */
export interface BrokenOnKernel {
  /** What it does wrong, as it follows "a backend that". */
  readonly what: string;
  readonly factory: Factory<Linux>;
  /** The tests that name its fault: each of them has to find it. */
  readonly caughtBy: string | readonly string[];
  /** What the failure has to say. */
  readonly because?: RegExp;
  /** Shorter ones, where what is wrong is waited for to the end. */
  readonly timeouts?: Partial<BackendTimeouts>;
}

const vx: Factory<Linux> = (linux) => vxlan({ linux });
const gw: Factory<Linux> = (linux) => hostGw({ linux });

/** A backend that says otherwise what it wants of the kernel. */
function withScope(factory: Factory<Linux>, alter: (scope: Scope) => Partial<Scope>): Factory<Linux> {
  return (linux) => {
    const { reconciler } = linux;
    const scope = (name: string): Scope => {
      const made = reconciler.scope(name);
      return altered(made, alter(made));
    };
    return factory(altered(linux, { reconciler: altered(reconciler, { scope }) }));
  };
}

/** A backend that does not want objects of some kind. */
function without(factory: Factory<Linux>, kind: string): Factory<Linux> {
  return withScope(factory, (scope) => ({
    set: (owner: string, objects: readonly KernelObject[]) =>
      scope.set(
        owner,
        objects.filter((object) => object.kind !== kind),
      ),
  }));
}

/** A backend that says it can do more than it can. */
function claims(factory: Factory<Linux>, more: Partial<BackendSupports>): Factory<Linux> {
  return (linux) => {
    const made = factory(linux);
    const supports = { ...made.supports, ...more };
    return broken(() => ({ ...made, supports }), { backend: () => ({ supports }) })(linux);
  };
}

/** A backend beside which its host does something to packets that it passes on, by rules of nftables. */
function meddles(factory: Factory<Linux>, chain: string): Factory<Linux> {
  return broken(factory, {
    backend: (of, { netns }) => ({
      open: async (context) => {
        const rules = `table inet meddling {\n chain passing {\n ${chain}\n }\n}\n`;
        execFileSync('nsenter', [`--net=${netns}`, 'nft', '-f', '-'], { input: rules, timeout: 10_000 });
        return of.open(context);
      },
    }),
  });
}

/** A backend that has a program change its host when it opens, and forgets that. */
function runsOnOpen(factory: Factory<Linux>, argv: readonly string[]): Factory<Linux> {
  return broken(factory, {
    backend: (of, { netns }) => ({
      open: async (context) => {
        execFileSync('nsenter', [`--net=${netns}`, ...argv], { timeout: 10_000 });
        return of.open(context);
      },
    }),
  });
}

/** A backend whose networks look after nothing any more as soon as a peer is in place, and do not say so. */
function forgets(factory: Factory<Linux>): Factory<Linux> {
  return broken(factory, {
    network: (of) => {
      let peers = 0;
      const apply = (update: LeaseUpdate): void => {
        of.apply(update);
        peers += update.type === 'delta' ? update.set.length : update.leases.length;
        if (peers === 0) return;
        const placed = of.settled({ signal: new AbortController().signal });
        placed.then(() => of.close()).catch(() => undefined);
      };
      return { apply, state$: concat(of.state$, NEVER) };
    },
  });
}

const FORWARD = 'type filter hook forward priority 0; policy accept';

export const BROKEN_ON_KERNEL: readonly BrokenOnKernel[] = [
  { what: 'forgets the forwarding entries', factory: without(vx, 'fdb'), caughtBy: 'join-ipv4' },
  { what: 'forgets the neighbours', factory: without(vx, 'neighbour'), caughtBy: 'join-ipv6' },
  {
    what: 'tells an MTU that is too large',
    factory: tells(vx, (state) => ({ ...state, mtu: state.mtu + 1 })),
    caughtBy: 'mtu-exact-ipv4',
  },
  {
    what: 'tells an MTU that is too small',
    factory: tells(gw, (state) => ({ ...state, mtu: state.mtu - 1 })),
    caughtBy: 'mtu-exact-ipv6',
  },
  {
    what: 'tells an MTU that is far too large',
    factory: tells(vx, (state) => ({ ...state, mtu: 1500 })),
    caughtBy: 'full-size-tcp-udp',
  },
  // 128 bytes in a datagram.
  {
    what: 'loses packets of one size',
    factory: meddles(vx, `${FORWARD}; ip length 156 drop`),
    caughtBy: 'every-size',
    because: /-1 in the place/,
  },
  {
    what: 'loses the ends of the largest datagrams',
    factory: meddles(vx, `${FORWARD}; ip frag-off & 0x1fff > 5000 drop`),
    caughtBy: 'larger-than-mtu',
    because: /-1 in the place/,
  },
  {
    what: 'sends what pods send as its own',
    factory: meddles(gw, 'type nat hook postrouting priority 100; ip saddr 10.244.0.0/16 oifname "eth0" masquerade'),
    caughtBy: 'source-kept',
    because: /nothing arrives with the source/,
  },
  {
    what: 'carries a hundred packets a second',
    factory: meddles(gw, `${FORWARD}; meta l4proto tcp limit rate over 100/second drop`),
    caughtBy: 'throughput-share',
    because: /pods carry \d+ of \d+ Mbit/,
  },
  {
    what: 'leaks the objects of peers that went',
    factory: withScope(vx, (scope) => ({ delete: (owner) => (owner === '' ? scope.delete(owner) : undefined) })),
    caughtBy: 'peer-removed',
  },
  {
    what: 'takes every route for its own',
    factory: withScope(gw, (scope) => ({ claim: (kind) => scope.claim(kind, () => kind === 'route') })),
    caughtBy: 'foreign-untouched',
  },
  {
    what: 'leaves what an earlier run has made',
    factory: withScope(gw, () => ({ claim: () => undefined })),
    caughtBy: 'restart-peer-gone',
  },
  {
    what: 'empties the network when it closes',
    factory: broken(gw, { network: (of) => ({ close: () => of.close({ remove: true }) }) }),
    caughtBy: 'close-stays',
  },
  {
    what: 'changes the host while it only looks',
    factory: broken(gw, {
      backend: (of, linux) => ({
        preflight: async (options) => {
          await linux.sysctl.set('net/ipv4/ip_forward', 1);
          return of.preflight(options);
        },
      }),
    }),
    caughtBy: 'preflight-looks-only',
  },
  {
    what: 'takes a snapshot for the news that nobody is left',
    factory: hears(gw, (update) => (update.type === 'snapshot' ? { ...update, leases: [] } : update)),
    caughtBy: 'scale-thousands',
  },
  {
    what: 'says that it encrypts, and does not',
    factory: claims(vx, { encryption: true }),
    caughtBy: 'underlay-encrypted',
  },
  {
    what: 'says that it checks sources, and does not',
    factory: claims(vx, { checksSource: true }),
    caughtBy: 'spoofed-source',
  },
  {
    what: 'publishes its MAC under a name of its own',
    factory: broken(vx, {
      backend: (of) => ({
        attributes$: (context) =>
          of.attributes$(context).pipe(
            map((attributes) => {
              const { ipv4 } = attributes;
              return ipv4 ? { ...attributes, ipv4: { ...ipv4, data: { mac: '02:00:00:00:00:01' } } } : attributes;
            }),
          ),
      }),
    }),
    caughtBy: 'interop-second',
  },

  {
    what: 'takes its own lease only once',
    factory: broken(vx, {
      backend: (of) => ({ open: (context) => of.open({ ...context, lease$: context.lease$.pipe(take(1)) }) }),
    }),
    caughtBy: 'lease-changed-while-open',
  },
  {
    what: 'removes nothing when it is told to',
    factory: broken(vx, { network: (of) => ({ close: () => of.close() }) }),
    caughtBy: ['close-removes', 'close-removes-beside'],
    timeouts: { converge: 1500 },
  },
  {
    what: 'leaves rules of its firewall when it is removed',
    factory: meddles(gw, `${FORWARD};`),
    caughtBy: 'close-removes',
    because: /too much: nftables table inet meddling/,
    timeouts: { converge: 1500 },
  },
  {
    what: 'leaves a routing rule when it is removed',
    factory: runsOnOpen(gw, ['ip', 'rule', 'add', 'from', '192.0.2.7', 'table', '77']),
    caughtBy: 'close-removes',
    because: /too much: ipv4 rule/,
    timeouts: { converge: 1500 },
  },
  {
    what: 'leaves a route in a table of its own when it is removed',
    factory: runsOnOpen(gw, ['ip', 'route', 'add', 'unreachable', '192.0.2.0/24', 'table', '77']),
    caughtBy: 'close-removes',
    because: /too much: ipv4 route 192\.0\.2\.0\/24 .*table 77/,
    timeouts: { converge: 1500 },
  },
  {
    what: 'leaves a program running on its host',
    factory: broken(gw, {
      backend: (of, { netns }) => ({
        open: async (context) => {
          spawn('nsenter', [`--net=${netns}`, 'sleep', '30'], { stdio: 'ignore' }).unref();
          return of.open(context);
        },
      }),
    }),
    caughtBy: 'close-stays',
    because: /left over on the hosts; there is process \d+ \(sleep\)/,
    timeouts: { leftovers: 500 },
  },
  {
    what: 'leaves a file open',
    factory: broken(gw, {
      backend: (of) => ({
        open: async (context) => {
          openSync('/dev/zero', 'r');
          return of.open(context);
        },
      }),
    }),
    caughtBy: 'close-stays',
    because: /an open descriptor of this process: \/dev\/zero/,
    timeouts: { leftovers: 500 },
  },
  {
    what: 'looks after nothing once it is in place',
    factory: forgets(vx),
    caughtBy: [
      'heal-address-removed',
      'heal-device-deleted',
      'heal-device-mac',
      'heal-device-mtu',
      'heal-fdb-flushed',
      'heal-neighbours-flushed',
      'heal-routes-flushed',
      'host-interface-again',
    ],
    because: /what was there before|everything on the new interface|answers|packets|passes/,
    timeouts: { healObject: 1000, healDevice: 1000, healHost: 1500 },
  },
];
