import { afterEach, describe, expect, test } from '@jest/globals';
import type { Lease } from '@overlay/core';
import { Cluster } from './support/cluster.js';
import type { ClusterHost } from './support/cluster.js';
import { settle } from '@overlay/core/testing';
import { conf, peer } from './support/world.js';

const OTHER = conf({ Backend: { Type: 'other' } });
const THIRD = conf({ Backend: { Type: 'third' } });
const RETIRE_MS = 10_000;

let cluster: Cluster;
afterEach(async () => {
  await cluster.stop();
  expect(cluster.clock.pending).toBe(0);
});

const types = (): string[] => cluster.hosts.map((host) => cluster.published(host).join(' '));
const progress = (host: ClusterHost): string | undefined => host.agent.status().applying?.progress;

/** All orders of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((first, at) => orders(list.filter((_, other) => other !== at)).map((rest) => [first, ...rest]));
}

/** Everything is over: one backend, published alone, and nothing of another. */
function expectAlone(type: string): void {
  expect(types()).toEqual(cluster.hosts.map(() => type));
  for (const host of cluster.hosts) {
    expect(host.receives).toEqual([type]);
    expect(host.agent.status().applying).toBeUndefined();
    expect(host.agent.status().phase).toBe('ready');
    expect(JSON.parse(host.record.text ?? '')).toMatchObject({ configurations: [{ Backend: { Type: type } }] });
    const open = host.backend.networks.filter(({ closed }) => !closed);
    expect(open.map(({ backend }) => backend.type)).toEqual([type]);
    expect([...(open[0]?.peers.keys() ?? [])].sort()).toEqual(
      cluster.hosts.flatMap(({ name }) => (name === host.name ? [] : name)),
    );
  }
  expect([...cluster.gaps]).toEqual([]);
}

/** How long a removal waits for others, in milliseconds. */
const REMOVAL_MS = 250;

describe('a change of backend in a cluster', () => {
  test.each(orders([0, 1, 2]))('host by host, in the order %i %i %i', async (...order) => {
    cluster = await Cluster.start(3);
    await cluster.configure(OTHER);
    for (const at of order.slice(0, -1)) {
      await cluster.apply(cluster.hosts[at]);
      await cluster.clock.advance(RETIRE_MS * 3);
      // As long as one host lacks it, the old one stays the primary one.
      expect(cluster.published(cluster.hosts[at])).toEqual(['fake', 'other', 'fake']);
    }
    await cluster.apply(cluster.hosts[order[2]]);
    expect(types()).toEqual(['other other fake', 'other other fake', 'other other fake']);
    await cluster.clock.advance(RETIRE_MS - 1);
    expect(cluster.hosts.map(({ receives }) => receives)).toEqual([0, 1, 2].map(() => ['fake', 'other']));
    await cluster.clock.advance(1);
    expectAlone('other');
  });

  test('all at once', async () => {
    cluster = await Cluster.start(3);
    await cluster.configure(OTHER);
    await Promise.all(cluster.hosts.map((host) => host.agent.applyPending()));
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
  });

  test('at once where that is wanted, and back', async () => {
    cluster = await Cluster.start(3, [], { applyChanges: 'now' });
    await cluster.configure(OTHER);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
    await cluster.configure(conf());
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('fake');
  });

  test('between two networks of one type', async () => {
    cluster = await Cluster.start(2);
    await cluster.configure(conf({ Backend: { Type: 'fake', VNI: 2 } }));
    for (const host of cluster.hosts) await cluster.apply(host);
    await cluster.clock.advance(RETIRE_MS);
    expect(cluster.hosts.map(({ receives }) => receives)).toEqual([['fake/2'], ['fake/2']]);
    expect([...cluster.gaps]).toEqual([]);
  });

  test('of a host that has no peers', async () => {
    cluster = await Cluster.start(1);
    await cluster.configure(OTHER);
    await cluster.apply(cluster.hosts[0]);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
  });

  test('each peer is moved when it publishes the new endpoint, and is in one network', async () => {
    cluster = await Cluster.start(3);
    const [a, b] = cluster.hosts;
    await cluster.configure(OTHER);
    await cluster.apply(a);
    await cluster.apply(b);
    const [old, now] = a.backend.networks;
    expect([...old.peers.keys()]).toEqual(['c']);
    expect([...now.peers.keys()]).toEqual(['b']);
    // Each network sees a lease as if it were the only one.
    expect(now.peers.get('b')?.attributes).toEqual({ backendType: 'other', ipv4: { publicIP: '192.0.2.2' } });
    expect(a.agent.status()).toMatchObject({ peers: 2, network: { peers: 2 }, config: { backend: { type: 'other' } } });
  });
});

describe('what keeps the old backend', () => {
  /** The lease of a host whose agent knows of one backend only. */
  const flanneld: Lease = peer('flanneld', '10.244.99.0/24', 99);

  test('a host that publishes only that: the old one stays the primary one, and the status says why', async () => {
    cluster = await Cluster.start(2, [flanneld]);
    await cluster.configure(OTHER);
    for (const host of cluster.hosts) await cluster.apply(host);
    await cluster.clock.advance(RETIRE_MS * 10);
    for (const host of cluster.hosts) {
      expect(cluster.published(host)).toEqual(['fake', 'other', 'fake']);
      expect(host.agent.status().applying?.phase).toBe('moving');
      expect(progress(host)).toBe(
        'both other and fake are open, fake is the primary one: other is not published by flanneld',
      );
      expect(host.backend.networks.map(({ peers }) => [...peers.keys()])).toEqual([
        ['flanneld'],
        cluster.hosts.flatMap(({ name }) => (name === host.name ? [] : name)),
      ]);
    }
    cluster.store.delete('flanneld');
    await cluster.clock.advance(REMOVAL_MS);
    expect(cluster.hosts.map((host) => host.agent.status().applying?.phase)).toEqual(['retiring', 'retiring']);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
  });

  test('one that comes while the old one is about to be closed', async () => {
    cluster = await Cluster.start(2);
    await cluster.configure(OTHER);
    for (const host of cluster.hosts) await cluster.apply(host);
    await cluster.clock.advance(RETIRE_MS / 2);
    cluster.store.set(flanneld);
    await cluster.clock.advance(RETIRE_MS * 3);
    expect(types()).toEqual(['fake other fake', 'fake other fake']);
    cluster.store.delete('flanneld');
    await cluster.clock.advance(REMOVAL_MS);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
  });

  test('a peer that the new network does not reach stays in the old one until it does', async () => {
    cluster = await Cluster.start(2);
    const [a, b] = cluster.hosts;
    await cluster.configure(OTHER);
    await cluster.apply(a);
    const [old, now] = a.backend.networks;
    now.unreached.add('b');
    await cluster.apply(b);
    await cluster.clock.advance(RETIRE_MS * 3);
    expect([...old.peers.keys()]).toEqual(['b']);
    expect(progress(a)).toBe('both other and fake are open, fake is the primary one: other does not reach b');
    // The other host reaches this one, and keeps the old network for what this one sends by it.
    expect(progress(b)).toBe(
      'both other and fake are open, other is the primary one: other is not the primary one of a',
    );
    expect(cluster.hosts.map(({ receives }) => receives)).toEqual([
      ['fake', 'other'],
      ['fake', 'other'],
    ]);
    now.unreached.delete('b');
    now.reachChanges$.next(['b']);
    expect([...old.peers.keys()]).toEqual([]);
    now.unreached.add('b');
    now.reachChanges$.next(['b']);
    expect([...old.peers.keys()]).toEqual(['b']);
    now.unreached.clear();
    now.reachChanges$.next(['b']);
    await cluster.clock.advance(RETIRE_MS);
    expect([...cluster.gaps]).toEqual([]);
    expect(a.receives).toEqual(['other']);
  });

  test('a peer that withdraws the new endpoint goes back', async () => {
    cluster = await Cluster.start(2);
    const [a, b] = cluster.hosts;
    await cluster.configure(OTHER);
    await cluster.apply(a);
    await cluster.apply(b);
    await cluster.configure(conf());
    expect(b.agent.status().pending?.changes).toEqual(['Backend.Type other becomes fake']);
    await cluster.apply(b);
    await cluster.apply(a);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('fake');
  });

  test('a record that cannot be written: peers are not told before it is', async () => {
    cluster = await Cluster.start(2);
    const [a] = cluster.hosts;
    a.record.failing = true;
    await cluster.configure(OTHER);
    const applied = a.agent.applyPending();
    await cluster.clock.advance(5_000);
    expect(cluster.published(a)).toEqual(['fake']);
    expect(a.agent.status().problems).toEqual(['recording the configuration in effect: disk full']);
    a.record.failing = false;
    await cluster.clock.advance(30_000);
    expect(await applied).toBe(true);
    expect(cluster.published(a)).toEqual(['fake', 'other', 'fake']);
    expect(a.agent.status().problems).toEqual([]);
  });
});

describe('a third configuration while two are in effect', () => {
  test('waits, with its reason, and is there to be taken when the change is over', async () => {
    cluster = await Cluster.start(2);
    const [a, b] = cluster.hosts;
    await cluster.configure(OTHER);
    await cluster.apply(a);
    await cluster.configure(THIRD);
    expect(a.agent.status().pending?.refused).toContain('the change from fake to other is still under way');
    await expect(a.agent.applyPending()).rejects.toMatchObject({ code: 'OVERLAY_NOT_LIVE' });
    expect(b.agent.status().pending?.refused).toBeUndefined();
    // The way out: back to the one before, then on.
    await cluster.configure(conf());
    await cluster.apply(a);
    await cluster.configure(THIRD);
    await cluster.clock.advance(RETIRE_MS);
    expect(a.agent.status().pending?.refused).toBeUndefined();
    for (const host of cluster.hosts) await cluster.apply(host);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('third');
  });

  test('is taken by itself where changes are taken at once', async () => {
    cluster = await Cluster.start(2, [], { applyChanges: 'now' });
    await cluster.configure(OTHER);
    await cluster.configure(THIRD);
    await cluster.clock.advance(RETIRE_MS * 2);
    expectAlone('third');
  });
});

describe('a restart', () => {
  test('with another configuration begins the change instead of a cut', async () => {
    cluster = await Cluster.start(3);
    await cluster.configure(OTHER);
    for (const host of cluster.hosts) {
      await cluster.restart(host);
      expect(host.agent.status().phase).toBe('ready');
      expect(host.agent.status().pending).toBeUndefined();
    }
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
  });

  test.each([
    ['opening', 0, ['fake', 'other', 'fake']],
    ['both published', 1, ['fake', 'other', 'fake']],
    ['the new one primary', 2, ['other', 'other', 'fake']],
  ] as const)('in the phase of %s goes on from there', async (_, appliedBefore, published) => {
    cluster = await Cluster.start(2);
    const [a, b] = cluster.hosts;
    await cluster.configure(OTHER);
    if (appliedBefore === 0) {
      a.backend.phase = 'starting';
      a.agent.applyPending().catch(() => undefined);
      await settle();
    }
    if (appliedBefore > 0) await cluster.apply(a);
    if (appliedBefore > 1) await cluster.apply(b);
    await cluster.restart(a);
    await settle();
    expect(cluster.published(a)).toEqual(published);
    if (appliedBefore < 2) await cluster.apply(b);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('other');
  });

  test('with the configuration taken back goes back', async () => {
    cluster = await Cluster.start(2);
    const [a, b] = cluster.hosts;
    await cluster.configure(OTHER);
    for (const host of cluster.hosts) await cluster.apply(host);
    await cluster.configure(conf());
    await cluster.restart(a);
    await cluster.restart(b);
    await cluster.clock.advance(RETIRE_MS);
    expectAlone('fake');
  });

  test('after the change is over knows nothing of it', async () => {
    cluster = await Cluster.start(2);
    await cluster.configure(OTHER);
    for (const host of cluster.hosts) await cluster.apply(host);
    await cluster.clock.advance(RETIRE_MS);
    const [a] = cluster.hosts;
    const { writes } = a.record;
    await cluster.restart(a);
    expect(a.backend.networks).toHaveLength(1);
    expect(a.record.writes).toBe(writes);
    expectAlone('other');
  });

  test.each([
    ['no JSON', '{'],
    ['another version', '{"version":2,"configurations":[]}'],
    ['no configuration', '{"version":1,"configurations":[]}'],
    ['a wrong one', '{"version":1,"configurations":[{"Network":"nowhere"}]}'],
  ])('with a record that is %s ignores it with a warning', async (_, text) => {
    cluster = await Cluster.start(2);
    const [a] = cluster.hosts;
    await a.agent.stop();
    a.record.text = text;
    cluster.launch(a);
    await settle();
    expect(a.agent.status().phase).toBe('ready');
    expect(a.logger.matching(/^warn the record of the configuration that this host had cannot be used/)).toHaveLength(
      1,
    );
    expectAlone('fake');
  });

  test('tells the backend of the networks that the host had', async () => {
    cluster = await Cluster.start(1);
    const [a] = cluster.hosts;
    await a.agent.stop();
    cluster.store.setNetConf(conf({ Network: '10.99.0.0/16' }));
    cluster.store.replace([]);
    cluster.launch(a);
    await settle();
    expect(a.backend.network.backend.init.recordedNetworks).toEqual(['10.244.0.0/16']);
    expect(a.record.text).toContain('10.99.0.0/16');
    expect(a.record.text).not.toContain('10.244.0.0/16');
  });
});

describe('the MTU while two networks are open', () => {
  test('is the least of both', async () => {
    cluster = await Cluster.start(2);
    const [a, b] = cluster.hosts;
    expect(a.agent.status().mtu).toBe(1450);
    a.backend.mtu = 1400;
    await cluster.configure(OTHER);
    await cluster.apply(a);
    expect(a.agent.status()).toMatchObject({ mtu: 1400, phase: 'ready' });
    await cluster.apply(b);
    await cluster.clock.advance(RETIRE_MS);
    expect(a.agent.status().mtu).toBe(1400);
    a.backend.mtu = 1500;
    await cluster.configure(conf());
    await cluster.apply(a);
    expect(a.agent.status().mtu).toBe(1400);
    await cluster.apply(b);
    await cluster.clock.advance(RETIRE_MS);
    expect(a.agent.status().mtu).toBe(1500);
  });
});
