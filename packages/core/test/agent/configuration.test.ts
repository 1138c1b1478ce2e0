import { afterEach, describe, expect, test } from '@jest/globals';
import { Subject } from 'rxjs';
import type { ConfigEvent } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import { gate } from './support/fake-backend.js';
import { settle } from '@overlay/core/testing';
import { FlakyStore } from './support/flaky-store.js';
import { conf, peer, peers, World } from './support/world.js';

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
    // The network has to know of it, too, and stands for the one before.
    expect(world.backend.networks.map(({ closed, removed }) => [closed, removed])).toEqual([
      [true, false],
      [false, false],
    ]);
    expect(world.backend.network.backend.init).toMatchObject({ recordedNetworks: ['10.244.0.0/16'] });
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
    expect(world.log).toEqual(['create other', 'attributes other', 'open other', 'apply snapshot', 'apply snapshot']);
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.pending).toBeUndefined();
    expect(status.config?.backend.type).toBe('other');
    expect(status.applying).toMatchObject({ phase: 'moving', changes: ['Backend.Type fake becomes other'] });
    expect(status.ownLease?.subnets.ipv4).toBe('10.244.9.0/24');
    expect(status.ownLease?.attributes.backendType).toBe('fake');
    expect(status.ownLease?.attributes.endpoints?.map(({ id }) => id)).toEqual(['other', 'fake']);
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([false, false]);
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

  test.each([
    [{ Network: '10.99.0.0/16' }, /^the IPv4 network 10.99.0.0\/16 does not contain our subnet 10.244.9.0\/24/],
    [{ EnableIPv6: true, IPv6Network: 'fd00:42::/56' }, /^IPv6 is switched on, which takes another lease/],
    [{ SubnetLen: 25 }, /^our IPv4 subnet 10.244.9.0\/24, in which pods live, is not one that the new bounds allow/],
    [{ Backend: { Type: 'alone' } }, /^there can be only one/],
  ])('and stays so until a restart when it cannot be taken under traffic: %j', async (text, reason) => {
    await started();
    world.store.setNetConf(conf(text));
    await settle();
    expect(world.agent.status().pending?.refused).toMatch(reason);
    await expect(world.agent.applyPending()).rejects.toMatchObject({ code: 'OVERLAY_NOT_LIVE' });
    expect(world.agent.status().pending?.refused).toMatch(reason);
    expect(world.agent.status()).toMatchObject({ phase: 'ready', config: { backend: { type: 'fake' } } });
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([false]);
    expect(world.logger.matching(/^warn a changed configuration is not taken under traffic/)).toHaveLength(1);
  });

  test('in place where it is the same network to the peers', async () => {
    await started();
    world.store.setNetConf(conf({ Network: '10.244.0.0/20' }));
    await settle();
    expect(world.agent.status().pending?.changes[0]).toContain('IPv4 network 10.244.0.0/16 becomes 10.244.0.0/20');
    const phases: string[] = [];
    world.agent.status$.subscribe(({ phase }) => phases.push(phase));
    world.backend.phase = 'starting';
    expect(await world.agent.applyPending()).toBe(true);
    await settle();
    expect(world.backend.networks.map(({ closed, removed }) => [closed, removed])).toEqual([
      [true, false],
      [false, false],
    ]);
    expect(new Set(phases)).toEqual(new Set(['ready']));
    expect([...world.backend.network.peers.keys()].sort()).toEqual(['n1', 'n2']);
    expect(world.file.text).toContain('FLANNEL_NETWORK=10.244.0.0/20');
    expect(world.agent.status().applying).toBeUndefined();
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
  test('leaves the one before at work until it can receive, and is shown', async () => {
    await started();
    const slow = gate();
    world.backend.opening = slow.wait;
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    const status = world.agent.status();
    expect(status.applying).toMatchObject({
      phase: 'opening',
      changes: ['Backend.Type fake becomes other'],
      progress: 'backend other is opening',
    });
    expect(status.phase).toBe('ready');
    expect(status.config?.backend.type).toBe('fake');
    expect(status.ownLease?.attributes.endpoints).toBeUndefined();
    world.store.set(peer('n3', '10.244.3.0/24', 103));
    await settle();
    expect(world.backend.network.peers.has('n3')).toBe(true);
    slow.open();
    expect(await applied).toBe(true);
  });

  test('gives way to a rollback before peers know of it, and nothing of it is left', async () => {
    await started();
    world.backend.phase = 'starting';
    world.store.setNetConf(other);
    await settle();
    const applied = world.agent.applyPending();
    await settle();
    expect(world.backend.networks).toHaveLength(2);
    world.store.setNetConf(conf());
    await expect(applied).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    await settle();
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.applying).toBeUndefined();
    expect(status.config?.backend.type).toBe('fake');
    expect(world.backend.networks.map(({ closed, removed }) => [closed, removed])).toEqual([
      [false, false],
      [true, true],
    ]);
    expect([...(world.backend.networks[0]?.peers.keys() ?? [])].sort()).toEqual(['n1', 'n2']);
    expect(store.published).toEqual([]);
    expect(store.acquired).toHaveLength(1);
  });

  test('gives way to a newer one while it opens', async () => {
    await started({ applyChanges: 'now' });
    world.backend.opening = () => gate().wait();
    world.store.setNetConf(other);
    await settle();
    expect(world.missing()).toEqual([]);
    world.backend.opening = undefined;
    world.store.setNetConf(conf({ Backend: { Type: 'fake', VNI: 7 } }));
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    expect(world.agent.status().config?.backend.options).toEqual({ VNI: 7 });
  });

  test('that a person must mend is refused, and the one before stays', async () => {
    await started();
    world.backend.opening = () => Promise.reject(new OverlayError('OVERLAY_NOT_SUPPORTED', 'no such device here'));
    world.store.setNetConf(other);
    await settle();
    await expect(world.agent.applyPending()).rejects.toMatchObject({ code: 'OVERLAY_NOT_SUPPORTED' });
    await settle();
    expect(world.agent.status()).toMatchObject({
      phase: 'ready',
      problems: ['configuration: no such device here; the one before stays'],
    });
    expect(world.agent.status().config?.backend.type).toBe('fake');
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([false]);
  });

  test('in place of the one before, and that does not open, has that one opened again', async () => {
    await started();
    world.store.setNetConf(conf({ Network: '10.244.0.0/20' }));
    await settle();
    world.backend.opening = async () => {
      world.backend.opening = undefined;
      throw new OverlayError('OVERLAY_NOT_SUPPORTED', 'no such device here');
    };
    await expect(world.agent.applyPending()).rejects.toMatchObject({ code: 'OVERLAY_NOT_SUPPORTED' });
    await settle();
    expect(world.agent.status()).toMatchObject({ phase: 'ready', config: { ipv4: { network: '10.244.0.0/16' } } });
    expect(world.backend.network.closed).toBe(false);
    expect([...world.backend.network.peers.keys()].sort()).toEqual(['n1', 'n2']);
  });

  test('waiting for it can be given up; it goes on', async () => {
    await started();
    const slow = gate();
    world.backend.opening = slow.wait;
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

  const UNKNOWN =
    'net-conf.json: Backend.Type: expected one of alone, fake, other, which this agent has, got "wireguard"; choose one of ' +
    'them, or give the agent the package that brings "wireguard" (overlayd: --backend-module=<package>)';

  test('of a type that nobody brings is refused with what is there and what to do, and the last one stays', async () => {
    await started();
    world.store.setNetConf(conf({ Backend: { Type: 'wireguard' } }));
    await settle();
    expect(world.agent.status()).toMatchObject({ phase: 'ready', config: { backend: { type: 'fake' } } });
    expect(world.agent.status().problems).toEqual([`configuration: ${UNKNOWN}`]);
    expect(world.logger.matching(/wireguard/)).toEqual([`error configuration refused: ${UNKNOWN}`]);
  });

  test('of a type that nobody brings, from the start, is waited with until there is another one', async () => {
    world = new World({ wrongConfig: 'wait' }, { netConf: conf({ Backend: { Type: 'wireguard' } }), manager });
    await world.agent.start();
    await settle();
    const { phase, waitingFor } = world.agent.status();
    expect(phase).toBe('starting');
    expect(waitingFor).toEqual([`configuration: one that can be used: ${UNKNOWN}`]);
    expect(world.logger.matching(/wireguard/)).toHaveLength(1);
    world.store.setNetConf(conf());
    await settle();
    expect(world.agent.status().phase).toBe('ready');
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
