import { afterEach, describe, expect, test } from '@jest/globals';
import type { LeftOverPeers } from '@overlay/core';
import { parsePrefix } from '@overlay/core';
import { settle } from '@overlay/core/testing';
import { NEVER, of, concat } from 'rxjs';
import { FlakyStore } from './support/flaky-store.js';
import { peers, World } from './support/world.js';

let world: World;
let store: FlakyStore;
let gone: boolean;
afterEach(async () => {
  await world.agent.stop();
});

/** An agent whose store lists so many peers. */
async function started(count: number, options: ConstructorParameters<typeof World>[0] = {}): Promise<void> {
  world = new World(options, { manager: (inner) => (store = new FlakyStore(inner)), leases: peers(count) });
  await world.started();
  expect(world.agent.status().phase).toBe('ready');
}

/** What is left of the peers from one to another: nX has 10.244.X.0/24. */
const left = (from: number, to: number, found: number): LeftOverPeers => ({
  subnets: Array.from({ length: to - from + 1 }, (_, at) => parsePrefix(`10.244.${from + at}.0/24`)),
  found: { ipv4: found },
});

/** The network says what it has found; tells whether it may go at once. */
async function finds(found: LeftOverPeers): Promise<boolean> {
  gone = false;
  void world.backend.network.context.leftOver?.(found).then(() => (gone = true));
  await settle();
  return gone;
}

describe('what is found of peers of an earlier run', () => {
  test('is held when a first snapshot tells of few of them, and goes after a new reading', async () => {
    await started(2);
    expect(await finds(left(3, 8, 8))).toBe(false);
    const { heldRemovals, heldRemovalCount } = world.agent.status();
    expect(heldRemovalCount).toBe(6);
    expect(heldRemovals[0]).toMatchObject({ key: '10.244.3.0/24', what: 'unlisted' });
    expect(
      world.logger.matching(
        /held for 60 s, then read again: the removal of 6 peers' subnets that this host has a way to/,
      ),
    ).toHaveLength(1);
    await world.clock.advance(59_999);
    expect([store.resyncs, gone]).toEqual([0, false]);
    await world.clock.advance(1);
    expect([store.resyncs, gone]).toEqual([1, true]);
    expect(world.agent.status().heldRemovalCount).toBe(0);
    await world.clock.advance(1_000);
    // The next look for what may stop traffic.
    expect(world.clock.pending).toBe(1);
  });

  test.each([
    ['nothing of it is unlisted', 2, left(1, 2, 2)],
    ['it is of one peer', 1, left(2, 2, 2)],
    ['it is of no more than a fifth', 8, left(9, 10, 10)],
    [
      'it is of both families of one peer',
      1,
      { subnets: [parsePrefix('10.244.2.0/24'), parsePrefix('fd00:244:0:2::/64')], found: { ipv4: 2, ipv6: 2 } },
    ],
  ])('goes at once when %s', async (_, listed, found) => {
    await started(listed);
    expect(await finds(found)).toBe(true);
    expect(world.agent.status().heldRemovalCount).toBe(0);
  });

  test('is held no more for peers that come back', async () => {
    await started(0);
    expect(await finds(left(1, 4, 4))).toBe(false);
    world.store.replace(peers(3));
    await settle();
    expect(gone).toBe(false);
    expect(world.agent.status().heldRemovals.map(({ key }) => key)).toEqual(['10.244.4.0/24']);
    world.store.replace(peers(4));
    await settle();
    expect(gone).toBe(true);
    await world.clock.advance(120_000);
    expect(store.resyncs).toBe(0);
  });

  test('stays for as long as the store cannot be read again', async () => {
    await started(0);
    await finds(left(1, 4, 4));
    store.answersResync = false;
    await world.clock.advance(200_000);
    expect(gone).toBe(false);
    expect(store.resyncs).toBeGreaterThan(1);
    world.store.resync();
    await settle();
    expect(gone).toBe(true);
  });

  test('is held, and be it of one peer, when the store went back before it was judged', async () => {
    world = new World(
      {},
      {
        manager: (inner) => {
          store = new FlakyStore(inner);
          store.leases = concat(of({ type: 'snapshot' as const, leases: peers(9), wentBack: true as const }), NEVER);
          return store;
        },
      },
    );
    await world.started();
    expect(await finds(left(10, 10, 10))).toBe(false);
    expect(world.agent.status().heldRemovalCount).toBe(1);
  });

  test('is not held when nothing is to be doubted', async () => {
    await started(0, { holdMs: 0 });
    expect(await finds(left(1, 9, 9))).toBe(true);
  });
});
