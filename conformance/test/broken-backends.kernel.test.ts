// The suite must bite on the kernel too: backends that are wrong in one way each, and the test that has to find it.
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { hostGw } from '@overlay/backend-host-gw';
import { vxlan } from '@overlay/backend-vxlan';
import type { Outcome } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import type { BackendSupports } from '@overlay/core';
import type { KernelObject, Linux, Scope } from '@overlay/linux';
import { map } from 'rxjs';
import type { Factory } from './broken/alter.js';
import { altered, broken, hears, tells } from './broken/alter.js';

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

const FORWARD = 'type filter hook forward priority 0; policy accept';

const BROKEN: readonly (readonly [what: string, factory: Factory<Linux>, caughtBy: string, because?: RegExp])[] = [
  ['forgets the forwarding entries', without(vx, 'fdb'), 'join-ipv4'],
  ['forgets the neighbours', without(vx, 'neighbour'), 'join-ipv6'],
  ['tells an MTU that is too large', tells(vx, (state) => ({ ...state, mtu: state.mtu + 1 })), 'mtu-exact-ipv4'],
  ['tells an MTU that is too small', tells(gw, (state) => ({ ...state, mtu: state.mtu - 1 })), 'mtu-exact-ipv6'],
  ['tells an MTU that is far too large', tells(vx, (state) => ({ ...state, mtu: 1500 })), 'full-size-tcp-udp'],
  // 128 bytes in a datagram.
  ['loses packets of one size', meddles(vx, `${FORWARD}; ip length 156 drop`), 'every-size', /-1 in the place/],
  [
    'loses the ends of the largest datagrams',
    meddles(vx, `${FORWARD}; ip frag-off & 0x1fff > 5000 drop`),
    'larger-than-mtu',
    /-1 in the place/,
  ],
  [
    'sends what pods send as its own',
    meddles(gw, 'type nat hook postrouting priority 100; ip saddr 10.244.0.0/16 oifname "eth0" masquerade'),
    'source-kept',
    /nothing arrives with the source/,
  ],
  [
    'carries a hundred packets a second',
    meddles(gw, `${FORWARD}; meta l4proto tcp limit rate over 100/second drop`),
    'throughput-share',
    /pods carry \d+ of \d+ Mbit/,
  ],
  [
    'leaks the objects of peers that went',
    withScope(vx, (scope) => ({ delete: (owner) => (owner === '' ? scope.delete(owner) : undefined) })),
    'peer-removed',
  ],
  [
    'takes every route for its own',
    withScope(gw, (scope) => ({ claim: (kind) => scope.claim(kind, () => kind === 'route') })),
    'foreign-untouched',
  ],
  ['leaves what an earlier run has made', withScope(gw, () => ({ claim: () => undefined })), 'restart-peer-gone'],
  [
    'empties the network when it closes',
    broken(gw, { network: (of) => ({ close: () => of.close({ remove: true }) }) }),
    'close-stays',
  ],
  [
    'changes the host while it only looks',
    broken(gw, {
      backend: (of, linux) => ({
        preflight: async (options) => {
          await linux.sysctl.set('net/ipv4/ip_forward', 1);
          return of.preflight(options);
        },
      }),
    }),
    'preflight-looks-only',
  ],
  [
    'takes a snapshot for the news that nobody is left',
    hears(gw, (update) => (update.type === 'snapshot' ? { ...update, leases: [] } : update)),
    'scale-thousands',
  ],
  ['says that it encrypts, and does not', claims(vx, { encryption: true }), 'underlay-encrypted'],
  ['says that it checks sources, and does not', claims(vx, { checksSource: true }), 'spoofed-source'],
  [
    'publishes its MAC under a name of its own',
    broken(vx, {
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
    'interop-second',
  ],
];

/** Runs one test of the suite and tells how it ended. */
async function outcomeOf(factory: Factory<Linux>, id: string): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  backendConformance({ framework: sequence, factory, only: [id], onOutcome: (outcome) => outcomes.push(outcome) });
  await sequence.run();
  return outcomes.find((outcome) => outcome.id === id) as Outcome;
}

describe('a backend that', () => {
  test.each(BROKEN)(
    '%s is caught',
    async (_what, factory, caughtBy, because = /./) => {
      expect(await outcomeOf(factory, caughtBy)).toMatchObject({
        ...{ id: caughtBy, result: 'failed' },
        reason: expect.stringMatching(because),
      });
    },
    90_000,
  );
});
