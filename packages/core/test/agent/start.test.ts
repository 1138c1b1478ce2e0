import { afterEach, describe, expect, test } from '@jest/globals';
import { NEVER, of, Subject } from 'rxjs';
import type { ConfigEvent, HostState } from '@overlay/core';
import { OverlayError, parsePrefix } from '@overlay/core';
import { gate } from './support/fake-backend.js';
import { settle } from '@overlay/core/testing';
import { failing, FlakyStore } from './support/flaky-store.js';
import { conf, host, peer, peers, World } from './support/world.js';

let world: World;
afterEach(async () => {
  await world.agent.stop();
});

/** A world whose store can be made to fail. */
function flaky(options: ConstructorParameters<typeof World>[0] = {}): { world: World; store: FlakyStore } {
  let store!: FlakyStore;
  world = new World(options, { manager: (inner) => (store = new FlakyStore(inner)), leases: peers(2) });
  return { world, store };
}

describe('the way to being ready', () => {
  test('goes step by step, and subnet.env comes last', async () => {
    world = new World({}, { leases: peers(2) });
    await world.started();
    expect(world.log).toEqual([
      'create fake',
      'attributes fake',
      'open fake',
      'apply snapshot',
      'settled',
      'write subnet.env',
    ]);
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.readiness).toEqual({ ready: true, reasons: [] });
    expect(status.waitingFor).toEqual([]);
    expect(status.mtu).toBe(1450);
    expect(status.peers).toBe(2);
    expect(status.ownLease?.key).toBe('host-a');
    expect(status.confirmedAt).toBe(world.clock.now());
    const subnet = status.ownLease?.subnets.ipv4?.replace('.0/24', '.1/24');
    expect(world.file.text).toBe(
      `FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=${subnet}\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`,
    );
    await world.agent.ready();
  });

  test('gives the network the peers, never the own lease', async () => {
    world = new World({}, { leases: [...peers(3), peer('host-a', '10.244.77.0/24', 1)] });
    await world.started();
    expect([...world.backend.network.peers.keys()]).toEqual(['n1', 'n2', 'n3']);
    expect(world.backend.network.leases.map(({ subnets }) => subnets.ipv4)).toEqual(['10.244.77.0/24']);
  });

  test('asks for the subnet that subnet.env remembers', async () => {
    const made = flaky();
    world.file.text = 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.200.1/24\nFLANNEL_MTU=1450\n';
    await world.started();
    expect(made.store.acquired[0]?.wanted).toEqual({ ipv4: '10.244.200.0/24' });
    expect(world.agent.status().ownLease?.subnets).toEqual({ ipv4: '10.244.200.0/24' });
  });

  test('goes on without a subnet.env that cannot be read', async () => {
    world = new World();
    world.file.read = () => Promise.reject(new Error('permission denied'));
    await world.started();
    expect(world.agent.status().phase).toBe('ready');
    expect(world.logger.matching(/reading subnet.env: permission denied/)).toHaveLength(1);
  });

  test('tells the backend of the lease that the store holds', async () => {
    world = new World({}, { leases: [peer('host-a', '10.244.77.0/24', 1)] });
    await world.started();
    expect(world.backend.network.backend.previous?.subnets.ipv4).toBe('10.244.77.0/24');
  });

  test('needs no subnet.env when it was given none', async () => {
    world = new World({ subnetFile: undefined });
    await world.started();
    expect(world.agent.status().phase).toBe('ready');
  });

  test('starts once: a second call gives the same promise', async () => {
    world = new World();
    expect(world.agent.start()).toBe(world.agent.start());
    await world.started();
    expect(world.log.filter((line) => line === 'open fake')).toHaveLength(1);
  });
});

describe('rule 12: what is missing is told by its name', () => {
  test('configuration', async () => {
    const config$ = new Subject<ConfigEvent>();
    const { store } = flaky();
    store.configs = config$;
    const started = world.agent.start();
    config$.next({ type: 'waiting', reason: 'no key /coreos.com/network/config in etcd' });
    await started;
    await settle();
    expect(world.agent.status().waitingFor).toEqual(['configuration: no key /coreos.com/network/config in etcd']);
    expect(world.missing()).toEqual(['configuration', 'lease', 'device', 'snapshot', 'subnet-env']);
    config$.next({ type: 'config', netConf: conf() });
    await settle();
    expect(world.missing()).toEqual([]);
  });

  test('interface, at first and later', async () => {
    world = new World();
    world.host$.next({ waiting: 'no interface matches --iface=eth9; there are lo, eth0' });
    await world.started();
    expect(world.missing()).toEqual(['interface', 'lease', 'device', 'snapshot', 'subnet-env']);
    expect(world.agent.status().waitingFor).toEqual([
      'interface: no interface matches --iface=eth9; there are lo, eth0',
    ]);
    world.host$.next({ host: host(1) });
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    world.host$.next({ waiting: 'eth0 is gone' });
    await settle();
    expect(world.missing()).toEqual(['interface']);
    expect(world.agent.status()).toMatchObject({ phase: 'impaired', waitingFor: ['interface: eth0 is gone'] });
    expect(world.agent.status().host).toEqual(host(1));
    world.host$.next({ host: host(1) });
    await settle();
    expect(world.agent.status().phase).toBe('ready');
  });

  test('lease, with the trouble in words', async () => {
    const { store } = flaky();
    store.onAcquire = failing(1, () => new OverlayError('OVERLAY_RANGE_FULL', 'every /24 is taken'));
    await world.started();
    expect(world.missing()).toEqual(['lease', 'device', 'snapshot', 'subnet-env']);
    expect(world.agent.status().waitingFor).toEqual([
      'lease: acquiring a lease failed, tried again after 1 s: every /24 is taken',
    ]);
    await world.clock.advance(1_000);
    expect(world.missing()).toEqual([]);
  });

  test('lease, with what the store waits for', async () => {
    const { store } = flaky();
    let assigned = (): void => undefined;
    store.onAcquire = ({ waiting }) =>
      new Promise((resolve) => {
        assigned = resolve;
        waiting?.('Node a has no podCIDR yet');
      });
    await world.started();
    expect(world.agent.status().waitingFor).toEqual(['lease: a lease for this host: Node a has no podCIDR yet']);
    assigned();
    await settle();
    expect(world.missing()).toEqual([]);
  });

  test('a lease for which the host has no address of the family', async () => {
    world = new World({}, { netConf: conf({ EnableIPv6: true, IPv6Network: 'fd00:42::/56' }) });
    world.backend.attributesFailures = 1_000;
    await world.started();
    expect(world.agent.status().waitingFor).toEqual([
      'lease: asking the backend what to publish: no key yet (interface eth0 has no IPv6 address)',
    ]);
  });

  test('own device, at first and later', async () => {
    world = new World();
    world.backend.phase = 'starting';
    await world.started();
    expect(world.missing()).toEqual(['device', 'subnet-env']);
    const { network } = world.backend;
    network.state$.next({ phase: 'failed', mtu: 1450, problem: 'flannel.1: operation not supported' });
    await settle();
    expect(world.agent.status().waitingFor).toEqual(['device: flannel.1: operation not supported']);
    network.state$.next({ phase: 'ready', mtu: 1450 });
    await settle();
    expect(world.missing()).toEqual([]);
    network.state$.next({ phase: 'failed', mtu: 1450, problem: 'flannel.1 is gone' });
    await settle();
    expect(world.missing()).toEqual(['device']);
  });

  test('snapshot: told by the store, then set up', async () => {
    const { store } = flaky();
    store.leases = NEVER;
    const held = gate();
    world.backend.settled = held.wait;
    await world.started();
    expect(world.missing()).toEqual(['snapshot', 'subnet-env']);
    expect(world.agent.status().waitingFor).toEqual(['snapshot: the first list of leases from the store']);
    await world.agent.stop();

    world = new World();
    world.backend.settled = held.wait;
    await world.started();
    expect(world.agent.status().waitingFor).toEqual(['snapshot: the known peers are being set up']);
    held.open();
    await settle();
    expect(world.missing()).toEqual([]);
  });

  test('subnet.env', async () => {
    world = new World();
    world.file.failures = 2;
    await world.started();
    expect(world.missing()).toEqual(['subnet-env']);
    expect(world.agent.status().waitingFor).toEqual(['subnet-env: writing subnet.env: disk full']);
    await world.clock.advance(1_000);
    expect(world.missing()).toEqual(['subnet-env']);
    await world.clock.advance(2_000);
    expect(world.missing()).toEqual([]);
    expect(world.logger.matching(/^error .*disk full/)).toHaveLength(1);
    expect(
      world.logger.matching(/^info not ready, waiting for subnet-env: writing subnet.env: disk full/),
    ).toHaveLength(1);
  });

  test('held peers and an old view are no reason', async () => {
    const { store } = flaky();
    store.confirmedAt = () => 17;
    world.store.set(peer('bad', '192.168.0.0/24', 200));
    await world.started();
    const status = world.agent.status();
    expect(status.readiness.ready).toBe(true);
    expect(status.confirmedAt).toBe(17);
    expect(status.heldLeaseCount).toBe(1);
    expect(status.heldLeases[0]?.key).toBe('bad');
    await world.clock.advance(1_000);
    expect(world.logger.matching(/lease "bad" is held: /)).toHaveLength(1);
    world.store.delete('bad');
    await world.clock.advance(1_000);
    expect(world.logger.matching(/lease "bad" is held no longer/)).toHaveLength(1);
  });
});

describe('transient trouble', () => {
  test('is met with 1 s, doubled up to 30 s', async () => {
    const { store } = flaky();
    let attempts = 0;
    store.onPrevious = async () => {
      attempts++;
      throw new Error('connection refused');
    };
    await world.started();
    const delays: number[] = [];
    for (let failures = 0; failures < 8; failures++) {
      delays.push(world.clock.next as number);
      await world.clock.advance(world.clock.next as number);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(attempts).toBe(9);
    store.onPrevious = undefined;
    await world.clock.advance(30_000);
    expect(world.agent.status().phase).toBe('ready');
  });

  test('is made longer by chance, by a quarter at most', async () => {
    const { store } = flaky({ random: () => 0.999 });
    store.onPrevious = failing(1, () => new Error('connection refused'));
    await world.started();
    await world.clock.advance(1_248);
    expect(world.agent.status().phase).toBe('starting');
    await world.clock.advance(2);
    expect(world.agent.status().phase).toBe('ready');
  });

  test('of opening and of asking for attributes is waited out', async () => {
    world = new World();
    world.backend.attributesFailures = 1;
    world.backend.openFailures = 2;
    await world.started();
    await world.clock.advance(1_000);
    expect(world.agent.status().waitingFor).toEqual([
      'device: opening backend fake failed, tried again after 1 s: making the device: operation not permitted',
    ]);
    await world.clock.advance(3_000);
    expect(world.agent.status().phase).toBe('ready');
  });

  test('of the streams is waited out', async () => {
    const { store } = flaky();
    const broken = new Subject<never>();
    store.leases = broken;
    await world.started();
    broken.error(new Error('connection reset'));
    store.leases = undefined;
    expect(world.missing()).toEqual(['snapshot', 'subnet-env']);
    await world.clock.advance(1_000);
    expect(world.missing()).toEqual([]);
  });
});

describe('what a person must mend ends the agent at once', () => {
  async function failure(started: World): Promise<unknown> {
    const error = await started.agent.start().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeDefined();
    await expect(started.agent.done).rejects.toBe(error);
    await expect(started.agent.ready()).rejects.toBe(error);
    expect(started.agent.status().phase).toBe('failed');
    expect(started.agent.status().failure).toBe((error as Error).message);
    expect(started.logger.matching(/^error/)).toHaveLength(1);
    expect(started.clock.pending).toBe(0);
    return error;
  }

  test('a backend that nobody brings', async () => {
    world = new World({}, { netConf: conf({ Backend: { Type: 'vxlan' } }) });
    const error = (await failure(world)) as OverlayError;
    expect(error.code).toBe('OVERLAY_BACKEND_UNKNOWN');
    expect(error.key).toBe('Backend.Type');
    expect(error.message).toBe(
      'net-conf.json: Backend.Type: expected one of alone, fake, other, which this agent has, got "vxlan"; ' +
        'choose one of them, or give the agent the package that brings "vxlan" (overlayd: --backend-module=<package>)',
    );
    expect(world.log).toEqual([]);
  });

  test.each([
    [{ ipv4: false }, {}, 'net-conf.json: EnableIPv4: backend fake does not carry IPv4; switch it off'],
    [
      { ipv6: false },
      { EnableIPv6: true },
      'net-conf.json: EnableIPv6: backend fake does not carry IPv6; switch it off',
    ],
    [
      { dualStack: false },
      { EnableIPv6: true },
      'net-conf.json: EnableIPv6: backend fake does not carry IPv4 and IPv6 at once; switch off one of',
    ],
  ])('a backend without the family: %j', async (supports, families, message) => {
    const probe = new World();
    world = new World(
      { backends: [probe.backend.factory('fake', supports)] },
      { netConf: conf({ IPv6Network: 'fd00:42::/56', ...families }) },
    );
    await probe.agent.stop();
    const error = (await failure(world)) as OverlayError;
    expect(error.code).toBe('OVERLAY_NOT_SUPPORTED');
    expect(error.message).toContain(message);
  });

  test('a wrong option of the backend', async () => {
    world = new World({}, { netConf: conf({ Backend: { Type: 'fake', VNI: 'wrong' } }) });
    expect(await failure(world)).toMatchObject({ code: 'OVERLAY_CONFIG_INVALID', key: 'Backend.VNI' });
  });

  test('a wrong file, told by the stream of the configuration', async () => {
    const { store } = flaky();
    const config$ = new Subject<ConfigEvent>();
    store.configs = config$;
    const failed = failure(world);
    config$.error(new OverlayError('OVERLAY_CONFIG_INVALID', 'net-conf.json: Network: expected …', { key: 'Network' }));
    expect(await failed).toMatchObject({ code: 'OVERLAY_CONFIG_INVALID', key: 'Network' });
  });

  test('a wrong flag, told by the stream of the host', async () => {
    const host$ = new Subject<HostState>();
    world = new World({ host$ });
    await world.started();
    host$.error(new OverlayError('OVERLAY_CONFIG_INVALID', '--iface-regex: …', { key: '--iface-regex' }));
    await expect(world.agent.done).rejects.toMatchObject({ key: '--iface-regex' });
  });

  test('a lease that the configuration contradicts', async () => {
    world = new World({}, { leases: [peer('host-a', '10.99.0.0/24', 1)] });
    await world.started();
    await expect(world.agent.done).rejects.toMatchObject({ code: 'OVERLAY_LEASE_INVALID' });
    expect(world.agent.status().phase).toBe('failed');
  });

  test('but a store may mend it: then it waits', async () => {
    world = new World({ wrongConfig: 'wait' }, { netConf: conf({ Backend: { Type: 'vxlan' } }) });
    await world.started();
    expect(world.agent.status().phase).toBe('starting');
    expect(world.agent.status().waitingFor[0]).toMatch(/^configuration: one that can be used: .*got "vxlan"/);
    world.store.setNetConf(conf());
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    expect(world.agent.status().problems).toEqual([]);
  });

  test('and a lease that the store contradicts is asked for again', async () => {
    world = new World({ wrongConfig: 'wait' }, { leases: [peer('host-a', '10.99.0.0/24', 1)] });
    await world.started();
    expect(world.agent.status().phase).toBe('starting');
    world.store.set(peer('host-a', '10.244.9.0/24', 1));
    await world.clock.advance(30_000);
    expect(world.agent.status().phase).toBe('ready');
    expect(world.agent.status().ownLease?.subnets.ipv4).toBe(parsePrefix('10.244.9.0/24'));
  });
});

describe('a silent store', () => {
  test('does not hold up starting for more than a second', async () => {
    const { store } = flaky();
    store.configs = NEVER;
    let started = false;
    void world.agent.start().then(() => (started = true));
    await world.clock.advance(999);
    expect(started).toBe(false);
    await world.clock.advance(1);
    expect(started).toBe(true);
    expect(world.agent.status().waitingFor).toContain('configuration: the first answer of the store');
  });

  test('a stream that ends after its first value is one that never changes', async () => {
    const { store } = flaky({ host$: of<HostState>({ host: host(1) }) });
    store.configs = of<ConfigEvent>({ type: 'config', netConf: conf() });
    await world.started();
    expect(world.agent.status().phase).toBe('ready');
    await world.clock.advance(60_000);
    expect(world.agent.status().phase).toBe('ready');
  });
});
