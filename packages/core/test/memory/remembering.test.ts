import { afterEach, describe, expect, test } from '@jest/globals';
import type { Lease, LeaseEvent } from '@overlay/core';
import type { RememberingSubnetManagerOptions } from '@overlay/core/memory';
import { RememberingSubnetManager } from '@overlay/core/memory';
import { settle } from '@overlay/core/testing';
import { JournalWriter } from '../../dist/memory/journal.js';
import { conf, host, peer, peers, World } from '../agent/support/world.js';
import { MemoryInMemory } from './support/memory-in-memory.js';
import { SilentStore } from './support/silent-store.js';

const OWNER = { hostId: 'host-a', store: 'a store' };
const NOW = 1_000_000;
const own: Lease = { ...peer('host-a', '10.244.50.0/24', 1), expiresAt: NOW + 3_600_000 };

/** What a host wrote down that held `own` beside three others. */
function remembered(lease = own, netConf = conf(), owner = OWNER): string {
  const writer = new JournalWriter();
  const lines = [
    writer.begin(owner),
    writer.write({ type: 'config', netConf }),
    writer.write({ type: 'own', lease }),
    ...[lease, ...peers(3)].map((other) => writer.write({ type: 'set', lease: other })),
    writer.write({ type: 'confirmed', at: NOW - 60_000 }),
  ];
  return lines.join('');
}

interface Made {
  readonly world: World;
  readonly store: SilentStore;
  readonly file: MemoryInMemory;
  readonly manager: RememberingSubnetManager;
}

const made: Made[] = [];

function make(
  text: string | undefined,
  leases: Lease[] = [own, ...peers(3)],
  options: Partial<RememberingSubnetManagerOptions> = {},
): Made {
  let store!: SilentStore;
  let manager!: RememberingSubnetManager;
  const file = new MemoryInMemory(text);
  const world: World = new World(
    {},
    {
      leases,
      manager: (inner) => {
        store = new SilentStore(inner);
        const { store: storeName, hostId } = OWNER;
        const late = {
          now: () => world.clock.now(),
          elapsed: () => world.clock.elapsed(),
          after: (ms: number, action: () => void) => world.clock.after(ms, action),
        };
        const logger = {
          debug() {},
          info: (m: string) => world.logger.info(m),
          warn: (m: string) => world.logger.warn(m),
          error() {},
        };
        manager = new RememberingSubnetManager({ store, storeName, hostId, file, clock: late, logger, ...options });
        return manager;
      },
    },
  );
  const one = { world, store, file, manager };
  made.push(one);
  return one;
}

/** Starts, with a store that is silent for a second. */
async function startInSilence(one: Made): Promise<void> {
  one.world.agent.start().catch(() => undefined);
  await one.world.clock.advance(1_000);
}

function given(world: World): string[] {
  return [...(world.backend.networks[0]?.peers.keys() ?? [])].sort();
}

afterEach(async () => {
  for (const { world, manager } of made.splice(0)) {
    await world.agent.stop();
    await manager.close();
    expect(world.clock.pending).toBe(0);
  }
});

describe('a host that starts while the store is silent', () => {
  test('carries traffic by what it remembers, and says so', async () => {
    const one = make(remembered());
    await startInSilence(one);
    const status = one.world.agent.status();
    expect(status).toMatchObject({ phase: 'ready', remembered: true, confirmedAt: NOW - 60_000 });
    expect(status.ownLease).toEqual(own);
    expect(status.conflicts).toEqual([]);
    expect(given(one.world)).toEqual(['n1', 'n2', 'n3']);
    expect(one.world.file.text).toContain('FLANNEL_SUBNET=10.244.50.1/24');
    expect(one.world.logger.matching(/^warn/)).toEqual([
      'warn the store is silent: going on with what was remembered of it, 4 leases as of 1970-01-01T00:15:40.000Z',
    ]);
    expect(one.store.published).toEqual([]);
  });

  test('converges when the store is back: what it says counts, and only then anything is published', async () => {
    const one = make(remembered(), [own, ...peers(2), peer('n9', '10.244.9.0/24', 109)]);
    await startInSilence(one);
    await one.world.clock.advance(120_000);
    one.store.answer();
    await settle();
    expect(given(one.world)).toEqual(['n1', 'n2', 'n9']);
    const status = one.world.agent.status();
    expect(status).not.toHaveProperty('remembered');
    expect(status).toMatchObject({ phase: 'ready', confirmedAt: one.world.clock.now() });
    expect(status.ownLease?.subnets).toEqual(own.subnets);
    expect(one.store.acquired).toHaveLength(1);
    expect(one.store.acquired[0]).toMatchObject({ wanted: own.subnets });
    expect(one.store.published.at(-1)).toEqual(status.ownLease?.attributes);
  });

  test('what is gone from the store meanwhile goes under the rule for many removals', async () => {
    const one = make(remembered(), [own, ...peers(1)]);
    await startInSilence(one);
    one.store.answer();
    await settle();
    expect(given(one.world)).toEqual(['n1', 'n2', 'n3']);
    expect(one.world.agent.status().heldRemovalCount).toBe(2);
    await one.world.clock.advance(61_000);
    expect(given(one.world)).toEqual(['n1']);
  });

  test.each([
    ['is not reached', 'refused', 700],
    ['does not answer at all', undefined, 1_000],
    ['answers, but has not told everything yet', 'answered', 2_700],
  ] as const)('waits as long as makes sense for a large store that %s', async (_, small, ms) => {
    const one = make(remembered());
    one.file.size = () => Promise.resolve(10_000_000);
    one.store.small = small;
    one.world.agent.start().catch(() => undefined);
    await one.world.clock.advance(ms - 10);
    expect(one.file.reads).toBe(0);
    await one.world.clock.advance(20);
    expect(one.file.reads).toBe(1);
    expect(given(one.world)).toEqual(['n1', 'n2', 'n3']);
  });

  test('publishes what has changed in the silence once the store is back', async () => {
    const one = make(remembered());
    await startInSilence(one);
    one.world.host$.next({ host: host(77) });
    await one.world.clock.advance(60_000);
    expect(one.store.published).toEqual([]);
    one.store.answer();
    await settle();
    expect(one.store.published.at(-1)?.ipv4?.publicIP).toBe('192.0.2.77');
    expect(
      (await one.world.store.previous('host-a', { signal: AbortSignal.timeout(1_000) }))?.attributes.ipv4?.publicIP,
    ).toBe('192.0.2.77');
  });

  test('keeps a subnet that is another host’s now, not ready, until it is told to move', async () => {
    const one = make(remembered(), [...peers(3), peer('thief', '10.244.50.0/24', 150)]);
    await startInSilence(one);
    one.store.answer();
    await settle();
    const { readiness, ownLease } = one.world.agent.status();
    expect(ownLease?.subnets).toEqual(own.subnets);
    expect(readiness.ready).toBe(false);
    expect(readiness.reasons[0]?.message).toMatch(/10\.244\.50\.0\/24 is held by another \(thief, .*overlay apply/);
    expect(one.store.acquired).toEqual([]);
    await one.world.agent.applyPending();
    await settle();
    const moved = one.world.agent.status();
    expect(moved.phase).toBe('ready');
    expect(moved.ownLease?.subnets).not.toEqual(own.subnets);
  });

  test('keeps its subnet when the store has another one for it', async () => {
    const one = make(remembered(), [peer('host-a', '10.244.60.0/24', 1), ...peers(3)]);
    await startInSilence(one);
    one.store.answer();
    await settle();
    const { readiness, ownLease } = one.world.agent.status();
    expect(ownLease?.subnets).toEqual(own.subnets);
    expect(readiness.reasons[0]?.message).toMatch(
      /remembers 10\.244\.50\.0\/24, but has 10\.244\.60\.0\/24 in the store/,
    );
  });

  test('goes back to its subnet when nobody has it any more', async () => {
    const one = make(remembered(), [...peers(3), peer('thief', '10.244.50.0/24', 150)]);
    await startInSilence(one);
    one.store.answer();
    await settle();
    one.world.store.delete('thief');
    await one.world.clock.advance(20_000);
    expect(one.world.agent.status()).toMatchObject({ phase: 'ready', ownLease: { subnets: own.subnets } });
    expect(one.store.acquired).toHaveLength(1);
  });

  test('shows a configuration that has changed meanwhile as pending, and goes on', async () => {
    const one = make(remembered());
    await startInSilence(one);
    one.world.store.setNetConf(conf({ Backend: { Type: 'other' } }));
    one.store.answer();
    await settle();
    const status = one.world.agent.status();
    expect(status).toMatchObject({ phase: 'ready', config: { backend: { type: 'fake' } } });
    expect(status.pending?.netConf.backend.type).toBe('other');
  });

  test('writes down what the store says when it is back', async () => {
    const one = make(remembered(), [own, ...peers(5)]);
    await startInSilence(one);
    await one.world.clock.advance(60_000);
    expect([one.file.replaced, one.file.appended]).toEqual([0, 0]);
    one.store.answer();
    await one.world.clock.advance(10_000);
    expect(one.file.replaced).toBe(1);
    expect(one.file.text).toContain('"key":"n5"');
  });
});

describe('what is remembered is not used', () => {
  const ended = { ...own, expiresAt: NOW + 500 };
  test.each<[string, string | undefined, RegExp | undefined]>([
    ['when there is none', undefined, undefined],
    ['when the own lease has ended', remembered(ended), /not used: this host's lease ended/],
    ['when the file is damaged', remembered().replace('10.244.50', '10.244.51'), /not used: it is damaged/],
    ['when the file is none of ours', 'FLANNEL_SUBNET=10.244.50.1/24\n', /not used: it is damaged, or none of ours/],
    [
      'when it is of another store',
      remembered(own, conf(), { ...OWNER, store: 'b' }),
      /not used: it is of another store/,
    ],
    ['when the own lease does not fit', remembered(own, conf({ Network: '10.9.0.0/16' })), /not used: .*does not fit/],
  ])('%s; one line says why', async (_, text, why) => {
    const one = make(text);
    await startInSilence(one);
    await one.world.clock.advance(60_000);
    expect(one.world.agent.status()).toMatchObject({ phase: 'starting' });
    expect(one.world.agent.status()).not.toHaveProperty('remembered');
    const warned = one.world.logger.matching(/^warn/);
    expect(warned).toHaveLength(why === undefined ? 0 : 1);
    if (why !== undefined) expect(warned[0]).toMatch(why);
    one.store.answer();
    await settle();
    expect(one.world.agent.status().phase).toBe('ready');
  });

  test('when the store answers in time: the file is not even read', async () => {
    const one = make(remembered(), [own, ...peers(1)]);
    const events: LeaseEvent[] = [];
    one.manager.leases$.subscribe((event) => events.push(event));
    one.world.agent.start().catch(() => undefined);
    await one.world.clock.advance(500);
    one.store.answer();
    await one.world.clock.advance(5_000);
    expect(one.file.reads).toBe(0);
    expect(given(one.world)).toEqual(['n1']);
    expect(events).toHaveLength(1);
    expect(one.world.agent.status()).toMatchObject({ phase: 'ready' });
  });

  test('by other hosts that share the subnet manager', async () => {
    const one = make(remembered());
    const signal = AbortSignal.timeout(10_000);
    const other = one.manager.previous('host-b', { signal });
    await one.world.clock.advance(5_000);
    one.store.answer();
    expect(await other).toBeUndefined();
  });
});
