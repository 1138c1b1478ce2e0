import { afterEach, describe, expect, test } from '@jest/globals';
import { Subject } from 'rxjs';
import type { ConfigEvent } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import { gate } from './support/fake-backend.js';
import { settle } from './support/fake-clock.js';
import { FlakyStore } from './support/flaky-store.js';
import { conf, host, peer, peers, World } from './support/world.js';

let world: World;
let store: FlakyStore;
afterEach(async () => {
  await world.agent.stop();
});

const manager = (inner: ConstructorParameters<typeof FlakyStore>[0]): FlakyStore => (store = new FlakyStore(inner));

async function started(options: ConstructorParameters<typeof World>[0] = {}): Promise<void> {
  world = new World(options, { manager, leases: [...peers(2), peer('host-a', '10.244.9.0/24', 1)] });
  await world.started();
  expect(world.agent.status().phase).toBe('ready');
  world.log.length = 0;
}

const other = conf({ Backend: { Type: 'other' } });

describe('rule 11: what moves no traffic is taken at once', () => {
  test('a wider network, also in subnet.env and for peers outside the old one', async () => {
    await started();
    world.store.set(peer('n50', '10.245.50.0/24', 150));
    await settle();
    expect(world.agent.status().heldLeaseCount).toBe(1);
    world.store.setNetConf(conf({ Network: '10.244.0.0/15', SubnetLen: 24, SubnetMin: '10.244.1.0' }));
    await settle();
    const status = world.agent.status();
    expect(status.pending).toBeUndefined();
    expect(status.config?.ipv4?.network).toBe('10.244.0.0/15');
    expect(status.heldLeaseCount).toBe(0);
    expect(world.backend.network.peers.has('n50')).toBe(true);
    expect(world.file.text).toContain('FLANNEL_NETWORK=10.244.0.0/15\nFLANNEL_SUBNET=10.244.9.1/24\n');
    expect(world.backend.networks).toHaveLength(1);
    expect(world.logger.matching(/configuration changed: IPv4 network 10.244.0.0\/16 becomes/)).toHaveLength(1);
  });

  test('the same again is nothing', async () => {
    await started();
    const before = world.logger.lines.length;
    world.store.setNetConf(conf());
    await settle();
    expect(world.logger.lines).toHaveLength(before);
    expect(world.log).toEqual(['create fake']);
  });
});

describe('rule 11: what moves traffic is pending', () => {
  test('until it is applied', async () => {
    await started();
    world.store.setNetConf(other);
    await settle();
    expect(world.agent.status().pending).toEqual({
      netConf: other,
      changes: ['Backend.Type fake becomes other'],
    });
    expect(world.log).toEqual(['create other']);
    expect(world.agent.status().config?.backend.type).toBe('fake');
    expect(world.logger.matching(/pending, since it moves traffic: Backend.Type fake becomes other/)).toHaveLength(1);
    await world.clock.advance(3_600_000);
    expect(world.backend.networks).toHaveLength(1);

    expect(await world.agent.applyPending()).toBe(true);
    await settle();
    expect(world.log).toEqual([
      'create other',
      'attributes other',
      'close fake',
      'open other',
      'apply snapshot',
      'settled',
    ]);
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.pending).toBeUndefined();
    expect(status.config?.backend.type).toBe('other');
    expect(status.ownLease?.subnets.ipv4).toBe('10.244.9.0/24');
    expect(status.ownLease?.attributes.backendType).toBe('other');
    expect([...world.backend.network.peers.keys()].sort()).toEqual(['n1', 'n2']);
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([true, false]);
    expect(await world.agent.applyPending()).toBe(false);
  });

  test('or at once where that is wanted', async () => {
    await started({ applyChanges: 'now' });
    world.store.setNetConf(other);
    await settle();
    expect(world.agent.status().config?.backend.type).toBe('other');
    expect(world.agent.status().phase).toBe('ready');
  });

  test('or taken back', async () => {
    await started();
    world.store.setNetConf(other);
    await settle();
    world.store.setNetConf(conf());
    await settle();
    expect(world.agent.status().pending).toBeUndefined();
    expect(await world.agent.applyPending()).toBe(false);
  });

  test('a network that leaves our subnet outside brings another one when it is applied', async () => {
    world = new World();
    await world.started();
    world.store.setNetConf(conf({ Network: '10.99.0.0/16' }));
    await settle();
    expect(world.agent.status().pending?.changes[0]).toMatch(
      /^IPv4 network 10.244.0.0\/16 becomes 10.99.0.0\/16, without our 10.244./,
    );
    await world.agent.applyPending();
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    expect(world.file.text).toContain('FLANNEL_NETWORK=10.99.0.0/16\nFLANNEL_SUBNET=10.99.');
  });

  test('one that came while nothing carried is taken at once', async () => {
    world = new World({}, { manager });
    store.onAcquire = () => Promise.reject(new Error('store away'));
    await world.started();
    store.onAcquire = undefined;
    world.store.setNetConf(other);
    await settle();
    expect(world.agent.status().pending).toBeUndefined();
    expect(world.agent.status().config?.backend.type).toBe('other');
    expect(world.agent.status().phase).toBe('ready');
  });
});

describe('a configuration on its way', () => {
  test('leaves the one before at work until it holds its lease, and is shown', async () => {
    await started();
    const slow = gate();
    store.onAcquire = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    const status = world.agent.status();
    expect(status.applying?.changes).toEqual(['Backend.Type fake becomes other']);
    expect(status.phase).toBe('ready');
    expect(status.config?.backend.type).toBe('fake');
    world.store.set(peer('n3', '10.244.3.0/24', 103));
    await settle();
    expect(world.backend.network.peers.has('n3')).toBe(true);
    slow.open();
    expect(await applied).toBe(true);
  });

  test('gives way to a rollback, and the lease is taken back', async () => {
    await started();
    const slow = gate();
    store.onAcquire = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    world.store.setNetConf(conf());
    await expect(applied).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    store.onAcquire = undefined;
    slow.open();
    await settle();
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.applying).toBeUndefined();
    expect(status.config?.backend.type).toBe('fake');
    expect(status.ownLease?.attributes.backendType).toBe('fake');
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([false]);
    expect(store.acquired.map(({ attributes }) => attributes.backendType)).toEqual(['fake', 'other', 'fake']);
  });

  test('gives way to a newer one while it opens', async () => {
    await started();
    world.backend.opening = () => gate().wait();
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    expect(world.missing()).toEqual(['device', 'snapshot']);
    world.backend.opening = undefined;
    world.store.setNetConf(conf({ Backend: { Type: 'fake', VNI: 7 } }));
    await expect(applied).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    expect(world.agent.status().config?.backend.options).toEqual({ VNI: 7 });
  });

  test('that a person must mend is refused, and the one before stays', async () => {
    await started();
    store.onAcquire = () => Promise.reject(new OverlayError('OVERLAY_LEASE_INVALID', 'podCIDR is outside'));
    world.store.setNetConf(other);
    await settle();
    await expect(world.agent.applyPending()).rejects.toMatchObject({ code: 'OVERLAY_LEASE_INVALID' });
    await settle();
    expect(world.agent.status()).toMatchObject({
      phase: 'ready',
      problems: ['configuration: podCIDR is outside; the one before stays'],
    });
    expect(world.agent.status().config?.backend.type).toBe('fake');
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([false]);
  });

  test('goes on although the one before does not close', async () => {
    await started();
    world.backend.closing = () => Promise.reject(new Error('busy'));
    world.store.setNetConf(other);
    await settle();
    expect(await world.agent.applyPending()).toBe(true);
    world.backend.closing = undefined;
    expect(world.logger.matching(/closing the network before: busy/)).toHaveLength(1);
  });

  test('tells the closed network nothing, and the new one all of it', async () => {
    await started();
    const slow = gate();
    world.backend.opening = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    const [before] = world.backend.networks;
    expect(before?.closed).toBe(true);
    const updates = before?.updates.length;
    world.store.set(peer('n3', '10.244.3.0/24', 103));
    await settle();
    expect(before?.updates).toHaveLength(updates);
    slow.open();
    await applied;
    await settle();
    expect([...world.backend.network.peers.keys()].sort()).toEqual(['n1', 'n2', 'n3']);
  });

  test('publishes alone: the one before keeps still meanwhile, and catches up if it stays', async () => {
    await started();
    const slow = gate();
    store.onAcquire = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    world.host$.next({ host: host(9) });
    await settle();
    expect(store.published).toEqual([]);
    store.onAcquire = undefined;
    world.store.setNetConf(conf());
    await expect(applied).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    slow.open();
    await settle();
    expect(world.agent.status().ownLease?.attributes).toMatchObject({
      backendType: 'fake',
      ipv4: { publicIP: '192.0.2.9' },
    });
  });

  test('rolled back while the one before is closing, that one is opened again', async () => {
    await started();
    const slow = gate();
    world.backend.closing = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    world.store.setNetConf(conf());
    slow.open();
    await expect(applied).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    expect(world.agent.status().config?.backend.type).toBe('fake');
    expect(world.agent.status().ownLease?.attributes.backendType).toBe('fake');
    expect(world.backend.network.closed).toBe(false);
  });

  test('waiting for it can be given up; it goes on', async () => {
    await started();
    const slow = gate();
    store.onAcquire = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const waiting = new AbortController();
    const applied = world.agent.applyPending({ signal: waiting.signal });
    waiting.abort();
    await expect(applied).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    slow.open();
    await settle();
    expect(world.agent.status().config?.backend.type).toBe('other');
  });
});

describe('a configuration that cannot be used', () => {
  test.each([
    [{ Backend: { Type: 'vxlan' } }, /got "vxlan"/],
    [{ Backend: { Type: 'fake', VNI: 'wrong' } }, /Backend.VNI: expected an integer/],
  ])('later on is refused and shown: %j', async (text, problem) => {
    await started();
    world.store.setNetConf(conf(text));
    await settle();
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.problems[0]).toMatch(problem);
    expect(world.logger.matching(/^error configuration refused/)).toHaveLength(1);
    world.store.setNetConf(conf());
    await settle();
    expect(world.agent.status().problems).toEqual([]);
  });

  test('refused by the store, or deleted, leaves the last one', async () => {
    world = new World({}, { manager });
    const configs = new Subject<ConfigEvent>();
    store.configs = configs;
    const starting = world.agent.start();
    configs.next({ type: 'config', netConf: conf() });
    await starting;
    await settle();
    configs.next({ type: 'refused', problem: 'config: SubnetLen: expected …' });
    await settle();
    expect(world.agent.status()).toMatchObject({
      phase: 'ready',
      problems: ['configuration: config: SubnetLen: expected …'],
    });
    configs.next({ type: 'waiting', reason: 'the key was deleted' });
    await settle();
    expect(world.agent.status()).toMatchObject({
      phase: 'ready',
      problems: ['configuration: there is none any more, the last one stays: the key was deleted'],
    });
    configs.error(new OverlayError('OVERLAY_CONFIG_INVALID', 'net-conf.json: not JSON'));
    await settle();
    expect(world.agent.status()).toMatchObject({
      phase: 'ready',
      problems: ['configuration: net-conf.json: not JSON'],
    });
  });
});
