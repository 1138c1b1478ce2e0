import { deepEqual, equal, fail, notEqual, ok } from 'node:assert/strict';
import type { Address, Family, Lease, PerFamily } from '@overlay/core';
import { addressAt, FAMILIES } from '@overlay/core';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { View } from '../environment/view.js';
import type { OpenedNetwork, OverlayHost } from '../environment/overlay-host.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import type { World } from '../environment/world.js';

/** A network on the first of two hosts. The second one only lends its place to peers that a test makes up. */
export interface Alone {
  readonly world: World;
  readonly host: OverlayHost;
  readonly spare: OverlayHost;
  readonly opened: OpenedNetwork;
  /** What is there before any network is. */
  readonly empty: View;
  /** Applies a snapshot and waits until it is in place. */
  readonly snapshot: (...leases: readonly Lease[]) => Promise<View>;
  /** Waits until everything applied is in place. */
  readonly settled: () => Promise<View>;
}

/** Opens a network on a host of its own. */
export async function alone(context: BackendTestContext): Promise<Alone> {
  const world = await context.world({ hosts: 2 });
  const [host, spare] = [world.host(1), world.host(2)];
  const empty = await host.view();
  const opened = await host.open();
  const settled = async (): Promise<View> => {
    await opened.network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
    const { pending, failed, problems } = opened.network.status();
    deepEqual({ pending, failed, problems }, { pending: 0, failed: 0, problems: [] });
    return host.view();
  };
  const snapshot = (...leases: readonly Lease[]): Promise<View> => {
    opened.network.apply({ type: 'snapshot', leases });
    return settled();
  };
  return { world, host, spare, opened, empty, snapshot, settled };
}

/** Everything that was handed to the host's data path so far. */
export function writesOf({ attachment }: Pick<OpenedNetwork, 'attachment'>): Readonly<Record<string, number>> {
  return attachment.writes();
}

/** Addresses on the spare host's links that nobody has, in each family. */
function elsewhere({ spare }: Alone, n: number): PerFamily<Address> {
  const { prefixes } = spare.machine;
  return Object.fromEntries(
    FAMILIES.flatMap((family) => {
      const prefix = prefixes[family];
      return prefix === undefined ? [] : [[family, addressAt(prefix, 200 + n)]];
    }),
  );
}

function same(now: View, wanted: View, what: string): void {
  deepEqual(now.differences(wanted), [], what);
}

export const peers: readonly BackendTest[] = [
  {
    id: 'peer-removed',
    title: 'a peer that is gone takes its objects with it, and nothing else',
    features: [],
    needs: [],
    run: async (context) => {
      const one = await alone(context);
      const { world, spare, opened, settled, snapshot } = one;
      const stays = await world.leaseOf(spare, FIRST_UNUSED);
      const goes = await world.leaseOf(spare, FIRST_UNUSED + 1, { at: elsewhere(one, 1) });
      const before = await snapshot(stays);
      opened.network.apply({ type: 'delta', set: [goes], deleted: [] });
      notEqual((await settled()).minus(before).size, 0, 'a new peer put nothing in place');
      equal(opened.network.status().peers, 2);
      opened.network.apply({ type: 'delta', set: [], deleted: [goes.key] });
      same(await settled(), before, 'after the peer was deleted');
      opened.network.apply({ type: 'delta', set: [goes], deleted: [] });
      await settled();
      same(await snapshot(stays), before, 'after a snapshot without the peer');
      equal(opened.network.status().peers, 1);
    },
  },
  {
    id: 'peer-moved',
    title: 'a peer that publishes other attributes is reached there, and no more at the old place',
    features: [],
    needs: [],
    run: async (context) => {
      const one = await alone(context);
      const { world, spare, opened, settled, snapshot } = one;
      const id = 'moving';
      const old = await world.leaseOf(spare, FIRST_UNUSED, { id, at: elsewhere(one, 1) });
      // As another machine would publish it: a data path may know a peer by its address, or by what goes with it.
      const moved = { ...(await world.leaseOf(spare, FIRST_UNUSED, { id: 'other', at: elsewhere(one, 2) })), key: id };
      const there = await snapshot(moved);
      const here = await snapshot(old);
      ok(here.minus(there).size > 0 && there.minus(here).size > 0, 'what a peer publishes shows nowhere');
      opened.network.apply({ type: 'delta', set: [moved], deleted: [] });
      same(await settled(), there, 'after the peer moved');
    },
  },
  {
    id: 'peer-other-subnet',
    title: 'a peer whose subnet is another one under the same key is reached by that only',
    features: [],
    needs: [],
    run: async (context) => {
      const { world, spare, opened, settled, snapshot } = await alone(context);
      const old = await world.leaseOf(spare, FIRST_UNUSED, { id: 'renumbered' });
      const renumbered: Lease = { ...old, subnets: world.store.subnets(world.netConf, FIRST_UNUSED + 7) };
      const wanted = await snapshot(renumbered);
      notEqual((await snapshot(old)).minus(wanted).size, 0);
      opened.network.apply({ type: 'delta', set: [renumbered], deleted: [] });
      same(await settled(), wanted, 'after the peer got another subnet');
    },
  },
  {
    id: 'peer-one-family',
    title: 'a change of a peer in one family leaves the other one alone',
    features: ['dualStack'],
    needs: [],
    run: async (context) => {
      const one = await alone(context);
      const { world, spare, opened, settled, snapshot } = one;
      const id = 'half';
      const old = await world.leaseOf(spare, FIRST_UNUSED, { id, at: elsewhere(one, 1) });
      // As another machine would publish it: a data path may know a peer by its address, or by what goes with it.
      const moved = { ...(await world.leaseOf(spare, FIRST_UNUSED, { id: 'other', at: elsewhere(one, 2) })), key: id };
      const before = await snapshot(old);
      for (const family of world.families) {
        const half: Lease = { ...old, attributes: { ...old.attributes, [family]: moved.attributes[family] } };
        opened.network.apply({ type: 'delta', set: [half], deleted: [] });
        const after = await settled();
        deepEqual(changedFamilies(before, after), [family], `after a change in ${family}`);
        opened.network.apply({ type: 'delta', set: [old], deleted: [] });
        same(await settled(), before, 'after the change was taken back');

        const { [family]: _gone, ...rest } = old.subnets;
        opened.network.apply({ type: 'delta', set: [{ ...old, subnets: rest }], deleted: [] });
        deepEqual(changedFamilies(before, await settled()), [family], `after the peer lost its ${family} subnet`);
        opened.network.apply({ type: 'delta', set: [old], deleted: [] });
        same(await settled(), before, 'after it got the subnet back');
      }
    },
  },
  {
    id: 'no-change-no-write',
    title: 'a snapshot, or a change, that is what there is already writes nothing',
    features: [],
    needs: [],
    run: async (context) => {
      const one = await alone(context);
      const { world, spare, opened, settled, snapshot } = one;
      const leases = [
        await world.leaseOf(spare, FIRST_UNUSED),
        await world.leaseOf(spare, FIRST_UNUSED + 1, { at: elsewhere(one, 1) }),
      ];
      const before = await snapshot(...leases);
      const writes = writesOf(opened);
      await snapshot(...leases);
      await snapshot(...leases.reverse());
      opened.network.apply({ type: 'delta', set: leases, deleted: ['nobody'] });
      same(await settled(), before, 'after the same again');
      deepEqual(writesOf(opened), writes);
      // Also what is read again from the kernel is the same.
      opened.attachment.audit();
      await settled();
      deepEqual(writesOf(opened), writes, 'after a full comparison with the kernel');
    },
  },
  {
    id: 'other-type',
    title: 'a peer of another backend is told as a problem, and the others are reached',
    features: [],
    needs: [],
    run: async (context) => {
      const { world, spare, opened, snapshot, host } = await alone(context);
      const good = await world.leaseOf(spare, FIRST_UNUSED);
      const before = await snapshot(good);
      const stranger = await world.leaseOf(spare, FIRST_UNUSED + 1);
      const other: Lease = { ...stranger, attributes: { ...stranger.attributes, backendType: 'conformance-other' } };
      opened.network.apply({ type: 'snapshot', leases: [good, other] });
      await opened.network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
      const status = opened.network.status();
      deepEqual([status.peers, status.failed, status.problems.map(({ peer }) => peer)], [2, 1, [other.key]]);
      if (!/^[^\n]*conformance-other[^\n]*$/.test(status.problems[0].message)) fail(status.problems[0].message);
      same(await host.view(), before, 'a peer of another type');
    },
  },
];

/** The families in which two views differ. */
function changedFamilies(a: View, b: View): readonly (Family | undefined)[] {
  return [...new Set([...a.minus(b).items, ...b.minus(a).items].map(({ family }) => family))];
}
