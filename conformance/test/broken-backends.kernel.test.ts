// The suite must bite: backends that are wrong in one way each, and the test that has to find it.
import { describe, expect, test } from '@jest/globals';
import { hostGw } from '@overlay/backend-host-gw';
import { vxlan } from '@overlay/backend-vxlan';
import type { Outcome } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import type { Backend, BackendFactory, LeaseUpdate, Network } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { map } from 'rxjs';

type Factory = (linux: Linux) => BackendFactory;

/** A proxy of an object with some members of its own. */
function altered<T extends object>(object: T, members: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      const source = name in members ? members : target;
      const value: unknown = Reflect.get(source, name, source);
      return typeof value === 'function' && source === target ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A factory whose backends, or their networks, have members of their own. */
function broken(
  factory: Factory,
  {
    backend = () => ({}),
    network = () => ({}),
  }: {
    backend?: (of: Backend, linux: Linux) => Partial<Backend>;
    network?: (of: Network, linux: Linux) => Partial<Network>;
  },
): Factory {
  return (linux) => {
    const made = factory(linux);
    return {
      ...made,
      create: (init) => {
        const good = made.create(init);
        const open: Backend['open'] = async (context) => {
          const opened = await good.open(context);
          return altered(opened, network(opened, linux));
        };
        return altered(good, { open, ...backend(good, linux) });
      },
    };
  };
}

const vx: Factory = (linux) => vxlan({ linux });
const gw: Factory = (linux) => hostGw({ linux });

/** Passes on what is told, altered. */
function hears(alter: (update: LeaseUpdate) => LeaseUpdate): (of: Network) => Partial<Network> {
  return (of) => ({ apply: (update) => of.apply(alter(update)) });
}

function told(by: number): (of: Network) => Partial<Network> {
  return (of) => ({ state$: of.state$.pipe(map((state) => ({ ...state, mtu: state.mtu + by }))) });
}

const never = new Promise<never>(() => undefined);

const BROKEN: readonly (readonly [what: string, factory: Factory, caughtBy: string])[] = [
  ['tells an MTU that is too large', broken(vx, { network: told(1) }), 'mtu-exact-ipv4'],
  ['tells an MTU that is too small', broken(gw, { network: told(-1) }), 'mtu-exact-ipv4'],
  [
    'forgets to remove peers',
    broken(gw, { network: hears((update) => (update.type === 'delta' ? { ...update, deleted: [] } : update)) }),
    'peer-removed',
  ],
  [
    'knows peers by their key alone',
    broken(vx, {
      network: (of) => {
        const known = new Set<string>();
        return {
          apply: (update) => {
            const fresh = update.type === 'delta' ? update.set.filter(({ key }) => !known.has(key)) : update.leases;
            for (const { key } of fresh) known.add(key);
            of.apply(update.type === 'delta' ? { ...update, set: fresh } : update);
          },
        };
      },
    }),
    'peer-moved',
  ],
  [
    'takes a snapshot for the news that nobody is left',
    broken(gw, { network: hears((update) => (update.type === 'snapshot' ? { ...update, leases: [] } : update)) }),
    'peer-removed',
  ],
  [
    'empties the network when it closes',
    broken(gw, {
      network: (of) => ({
        close: async () => {
          of.apply({ type: 'snapshot', leases: [] });
          await of.settled({ signal: AbortSignal.timeout(2000) });
          await of.close();
        },
      }),
    }),
    'close-stays',
  ],
  [
    'hangs when it is told to stop opening',
    broken(gw, { backend: () => ({ open: () => never }) }),
    'open-aborted-midway',
  ],
  [
    'says that all is well',
    broken(vx, {
      network: (of) => ({ status: () => ({ ...of.status(), failed: 0, pending: 0, problems: [] }) }),
    }),
    'status-refused-peer',
  ],
  [
    'removes what is left over before it knows its peers',
    broken(gw, {
      backend: (of) => ({
        open: async (context) => {
          const network = await of.open(context);
          network.apply({ type: 'snapshot', leases: [] });
          return network;
        },
      }),
    }),
    'restart-patient',
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
];

/** Runs one test of the suite and tells how it ended. */
async function outcomeOf(factory: Factory, id: string): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  const sequence = new TestSequence();
  backendConformance({ framework: sequence, factory, only: [id], onOutcome: (outcome) => outcomes.push(outcome) });
  await sequence.run();
  return outcomes.find((outcome) => outcome.id === id) as Outcome;
}

describe('a backend that', () => {
  test.each(BROKEN)('%s is caught', async (_what, factory, caughtBy) => {
    expect(await outcomeOf(factory, caughtBy)).toMatchObject({ id: caughtBy, result: 'failed' });
  });
});
