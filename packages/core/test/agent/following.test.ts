import { afterEach, describe, expect, test } from '@jest/globals';
import { OverlayError, parsePrefix } from '@overlay/core';
import { gate } from './support/fake-backend.js';
import { settle } from '@overlay/core/testing';
import { failing, FlakyStore } from './support/flaky-store.js';
import { host, peer, peers, World } from './support/world.js';

let world: World;
let store: FlakyStore;
afterEach(async () => {
  await world.agent.stop();
});

async function started(count: number, options: ConstructorParameters<typeof World>[0] = {}): Promise<void> {
  world = new World(options, { manager: (inner) => (store = new FlakyStore(inner)), leases: peers(count) });
  await world.started();
  expect(world.agent.status().phase).toBe('ready');
}

const told = (): string[] => [...world.backend.network.peers.keys()].sort();

describe('a lease that another host has now', () => {
  test('means not ready, the network stays as it is, and applying takes another one', async () => {
    await started(2);
    const before = told();
    store.taker$.next('host-z');
    await settle();
    expect(world.agent.status()).toMatchObject({
      phase: 'impaired',
      readiness: { ready: false, reasons: [{ condition: 'lease', message: 'held by host-z' }] },
      waitingFor: ['lease: held by host-z'],
      problems: [],
      conflicts: ['held by host-z'],
    });
    expect(told()).toEqual(before);
    expect(world.backend.networks).toHaveLength(1);

    store.onAcquire = async () => store.taker$.next(undefined);
    await expect(world.agent.applyPending()).resolves.toBe(true);
    expect(store.acquired).toHaveLength(2);
    expect(store.acquired[1]).toMatchObject({ hostId: 'host-a', attributes: { ipv4: { publicIP: '192.0.2.1' } } });
    await settle();
    expect(world.agent.status().phase).toBe('ready');
    await expect(world.agent.applyPending()).resolves.toBe(false);
    expect(store.acquired).toHaveLength(2);
  });

  test('stays as it is when no other one can be had, and the reason is told', async () => {
    await started(1);
    store.taker$.next('host-z');
    await settle();
    const wrong = new OverlayError('OVERLAY_LEASE_INVALID', 'nothing fits');
    store.onAcquire = () => Promise.reject(wrong);
    const both = [world.agent.applyPending(), world.agent.applyPending()];
    for (const each of both) await expect(each).rejects.toBe(wrong);
    expect(store.acquired).toHaveLength(2);
    expect(world.agent.status()).toMatchObject({ phase: 'impaired', waitingFor: ['lease: held by host-z'] });
  });
});

describe('following the host', () => {
  test('another address is published with the same subnet', async () => {
    await started(1);
    const subnets = world.agent.status().ownLease?.subnets;
    world.host$.next({ host: host(9) });
    await settle();
    expect(store.published.map(({ ipv4 }) => ipv4?.publicIP)).toEqual(['192.0.2.9']);
    expect(world.agent.status().ownLease?.attributes.ipv4?.publicIP).toBe('192.0.2.9');
    expect(world.agent.status().ownLease?.subnets).toEqual(subnets);
    expect(world.backend.network.hosts.map(({ ipv4 }) => ipv4?.address)).toEqual(['192.0.2.1', '192.0.2.9']);
    expect(world.backend.networks).toHaveLength(1);
  });

  test('publishing is tried again, and the latest wins', async () => {
    await started(1);
    store.onPublish = failing(1, () => new Error('store away'));
    world.host$.next({ host: host(8) });
    await settle();
    expect(world.agent.status().problems).toEqual(['publishing how peers reach this host: store away']);
    expect(world.agent.status().readiness.ready).toBe(true);
    world.host$.next({ host: host(9) });
    await settle();
    await world.clock.advance(5_000);
    expect(store.published.map(({ ipv4 }) => ipv4?.publicIP)).toEqual(['192.0.2.9']);
    expect(world.agent.status().problems).toEqual([]);
  });

  test('two writes are never under way at once', async () => {
    await started(1);
    const slow = gate();
    store.onPublish = slow.wait;
    world.host$.next({ host: host(7) });
    await settle();
    store.onPublish = undefined;
    world.host$.next({ host: host(8) });
    world.host$.next({ host: host(9) });
    await settle();
    expect(store.published).toEqual([]);
    slow.open();
    await settle();
    expect(store.published.map(({ ipv4 }) => ipv4?.publicIP)).toEqual(['192.0.2.7', '192.0.2.9']);
    expect(world.agent.status().ownLease?.attributes.ipv4?.publicIP).toBe('192.0.2.9');
  });

  test('what changed while the lease was being acquired is published after', async () => {
    world = new World({}, { manager: (inner) => (store = new FlakyStore(inner)) });
    const slow = gate();
    store.onAcquire = slow.wait;
    await world.started();
    world.host$.next({ host: host(9) });
    await settle();
    expect(store.published).toEqual([]);
    slow.open();
    await settle();
    expect(world.agent.status().ownLease?.attributes.ipv4?.publicIP).toBe('192.0.2.9');
  });

  test('a peer that claims an address of this host is held, also when the host moves there', async () => {
    await started(3);
    world.host$.next({ host: host(102) });
    await settle();
    expect(told()).toEqual(['n1', 'n3']);
    expect(world.agent.status().heldLeases.map(({ key }) => key)).toEqual(['n2']);
    world.host$.next({ host: host(1) });
    await settle();
    expect(told()).toEqual(['n1', 'n2', 'n3']);
  });

  test('another MTU is written to subnet.env once', async () => {
    await started(1);
    world.backend.network.state$.next({ phase: 'ready', mtu: 1350 });
    world.backend.network.state$.next({ phase: 'ready', mtu: 1350 });
    await settle();
    expect(world.file.text).toContain('FLANNEL_MTU=1350\n');
    expect(world.file.writes).toBe(2);
    expect(world.agent.status().mtu).toBe(1350);
  });

  test('a lowered MTU is told of, as long as pods may have the larger one', async () => {
    await started(1);
    expect(world.agent.status().findings).toEqual([]);
    world.backend.network.state$.next({ phase: 'ready', mtu: 1350 });
    await settle();
    expect(world.agent.status().findings).toEqual([
      {
        level: 'warning',
        check: 'mtu-lowered',
        message: 'the MTU of pods was lowered from 1450 to 1350, and pods that were started before may still have 1450',
        remedy: 'restart the pods of this host, or set the MTU of their interfaces to 1350',
      },
    ]);
    world.backend.network.state$.next({ phase: 'ready', mtu: 1450 });
    await settle();
    expect(world.agent.status().findings).toEqual([]);
  });

  test('so is one that was lowered since the run before', async () => {
    world = new World();
    world.file.text = 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.9.1/24\nFLANNEL_MTU=1500\n';
    await world.started();
    expect(world.agent.status().findings.map(({ check }) => check)).toEqual(['mtu-lowered']);
  });

  test('an MTU that cannot be written is a problem, but no reason not to be ready', async () => {
    await started(1);
    world.file.failures = 1;
    world.backend.network.state$.next({ phase: 'ready', mtu: 1350 });
    await settle();
    expect(world.agent.status()).toMatchObject({ phase: 'ready', problems: ['writing subnet.env: disk full'] });
    await world.clock.advance(1_000);
    expect(world.agent.status().problems).toEqual([]);
    expect(world.file.text).toContain('FLANNEL_MTU=1350\n');
  });
});

describe('following the own lease', () => {
  test('other subnets reach the network, the table and subnet.env', async () => {
    await started(2);
    world.store.set(peer('host-a', '10.244.99.0/24', 1));
    await settle();
    expect(world.backend.network.leases.at(-1)?.subnets.ipv4).toBe('10.244.99.0/24');
    expect(world.file.text).toContain('FLANNEL_SUBNET=10.244.99.1/24\n');
    world.store.set(peer('thief', '10.244.99.0/24', 150));
    await settle();
    expect(told()).toEqual(['n1', 'n2']);
    expect(world.agent.status().heldLeases.map(({ key }) => key)).toEqual(['thief']);
  });

  test('as long as subnet.env has the old subnet this host is not ready', async () => {
    await started(1);
    world.file.failures = 1;
    world.store.set(peer('host-a', '10.244.99.0/24', 1));
    await settle();
    expect(world.missing()).toEqual(['subnet-env']);
    expect(world.agent.status().phase).toBe('impaired');
    await world.clock.advance(1_000);
    expect(world.agent.status().phase).toBe('ready');
  });

  test('a lease that somebody took is a conflict; traffic goes on', async () => {
    await started(1);
    const subnet = world.agent.status().ownLease?.subnets.ipv4 as string;
    world.store.replace([...peers(1), peer('thief', subnet, 150)]);
    await settle();
    const status = world.agent.status();
    expect(status.phase).toBe('ready');
    expect(status.conflicts).toEqual(['it is not in the store any more, and lease thief has its subnet']);
    expect(status.problems).toEqual(['own lease: it is not in the store any more, and lease thief has its subnet']);
    expect(told()).toEqual(['n1']);
    world.store.delete('thief');
    await settle();
    expect(world.agent.status().conflicts).toEqual([]);
  });
});

describe('following the peers', () => {
  test('each change is given on as a difference', async () => {
    await started(30);
    world.store.set(peer('n31', '10.244.31.0/24', 140));
    world.store.delete('n1');
    await world.clock.advance(250);
    const { updates } = world.backend.network;
    expect(updates.map(({ type }) => type)).toEqual(['snapshot', 'delta', 'delta']);
    expect(updates[1]).toMatchObject({ set: [{ key: 'n31' }], deleted: [] });
    expect(updates[2]).toMatchObject({ set: [], deleted: ['n1'] });
  });

  test('a snapshot without news is no news', async () => {
    await started(3);
    world.store.resync();
    await settle();
    expect(world.backend.network.updates).toHaveLength(1);
  });

  test('what one peer has of its own no other may claim', async () => {
    await started(0);
    const claiming = (key: string, subnet: string, last: number) => {
      const lease = peer(key, subnet, last);
      const ipv4 = lease.attributes.ipv4 && { ...lease.attributes.ipv4, data: 'mac-1' };
      return { ...lease, attributes: { ...lease.attributes, ...(ipv4 && { ipv4 }) } };
    };
    world.store.set(claiming('one', '10.244.41.0/24', 141));
    world.store.set(claiming('two', '10.244.42.0/24', 142));
    await settle();
    expect(told()).toEqual(['one']);
    expect(world.agent.status().heldLeases[0]?.reasons.ipv4).toContain('taken by lease "one"');
  });
});

test('two peers that publish one address are told of and both kept, until they do no more', async () => {
  await started(2);
  world.store.set(peer('twin', '10.244.77.0/24', 101));
  await world.clock.advance(1_000);
  expect(told()).toEqual(['n1', 'n2', 'twin']);
  const line = /^leases "n1", "twin" publish one address, 192\.0\.2\.101: what is sent there reaches one host; /;
  expect(world.agent.status().problems).toEqual([expect.stringMatching(line)]);
  expect(world.agent.status().heldLeaseCount).toBe(0);
  expect(world.logger.matching(/publish one address/)).toHaveLength(1);
  world.store.set(peer('twin', '10.244.77.0/24', 177));
  await world.clock.advance(1_000);
  expect(world.agent.status().problems).toEqual([]);
  expect(world.logger.matching(/192\.0\.2\.101 is published by one lease alone again/)).toHaveLength(1);
});

describe('rule 10: many removals at once are doubted', () => {
  test('they wait, additions do not, and what is really gone goes after a new reading', async () => {
    await started(10);
    world.store.replace([...peers(2), peer('n99', '10.244.99.0/24', 250)]);
    await settle();
    expect(told()).toHaveLength(11);
    let status = world.agent.status();
    expect(status.heldRemovalCount).toBe(8);
    expect(status.heldRemovals.map(({ key, what }) => `${key} ${what}`)).toContain('n3 gone');
    expect(status.phase).toBe('ready');
    expect(world.logger.matching(/held for 60 s, then read again: the removal of 8 of 11 peers at once/)).toHaveLength(
      1,
    );
    await world.clock.advance(59_999);
    expect(store.resyncs).toBe(0);
    expect(told()).toHaveLength(11);
    await world.clock.advance(1);
    expect(store.resyncs).toBe(1);
    expect(told()).toEqual(['n1', 'n2', 'n99']);
    status = world.agent.status();
    expect(status.heldRemovalCount).toBe(0);
    expect(world.logger.matching(/removals that were held are settled/)).toHaveLength(1);
    await world.clock.advance(1_000);
    // The next look for what may stop traffic.
    expect(world.clock.pending).toBe(1);
  });

  test('what comes back meanwhile was never gone', async () => {
    await started(10);
    world.store.replace([]);
    await world.clock.advance(30_000);
    world.store.replace(peers(10));
    await settle();
    expect(world.agent.status().heldRemovalCount).toBe(0);
    await world.clock.advance(120_000);
    expect(store.resyncs).toBe(0);
    expect(world.backend.network.updates).toHaveLength(1);
  });

  test('as long as the store cannot be read again nothing goes, and it is asked again', async () => {
    await started(10);
    world.store.replace([]);
    store.answersResync = false;
    await world.clock.advance(60_000);
    expect(store.resyncs).toBe(1);
    expect(told()).toHaveLength(10);
    await world.clock.advance(10_000);
    expect(store.resyncs).toBe(2);
    expect(told()).toHaveLength(10);
    store.answersResync = true;
    await world.clock.advance(19_999);
    expect(store.resyncs).toBe(2);
    await world.clock.advance(1);
    expect(told()).toEqual([]);
  });

  test('it is asked ever more seldom, every five minutes in the end', async () => {
    await started(10);
    world.store.replace([]);
    store.answersResync = false;
    await world.clock.advance(60_000 + 10_000 + 20_000 + 40_000 + 80_000 + 160_000);
    expect(store.resyncs).toBe(6);
    await world.clock.advance(900_000);
    expect(store.resyncs).toBe(9);
  });

  test('hosts do not all read the store again in one moment', async () => {
    const readings: number[] = [];
    for (const chance of [0, 0.5, 1]) {
      await started(100, { random: () => chance });
      const began = world.clock.elapsed();
      world.store.replace([]);
      await settle();
      while (store.resyncs === 0) await world.clock.advance(world.clock.next ?? 0);
      readings.push(world.clock.elapsed() - began);
      await world.agent.stop();
    }
    expect(readings).toEqual([60_000, 60_150, 60_300]);
  });

  test('a wall clock that is set back prolongs nothing', async () => {
    await started(10);
    world.store.replace([]);
    await settle();
    const until = world.agent.status().heldRemovals[0]?.until;
    expect(until).toBe(world.clock.now() + 60_000);
    world.clock.step(-3_600_000);
    expect(world.agent.status().heldRemovals[0]?.until).toBe(world.clock.now() + 60_000);
    await world.clock.advance(60_000);
    expect(told()).toEqual([]);
  });

  test('the hold is an option, and 0 switches it off', async () => {
    await started(10, { holdMs: 5_000 });
    world.store.replace([]);
    await world.clock.advance(5_000);
    expect(told()).toEqual([]);
    await world.agent.stop();

    await started(10, { holdMs: 0 });
    world.store.replace([]);
    await settle();
    expect(told()).toEqual([]);
  });

  test('removals that come one by one are doubted as the burst that they are', async () => {
    await started(10);
    for (let at = 1; at <= 10; at++) {
      world.store.delete(`n${at}`);
      await world.clock.advance(50);
    }
    await world.clock.advance(1_000);
    expect(told()).toHaveLength(10);
    expect(world.agent.status().heldRemovalCount).toBe(10);
    expect(world.logger.matching(/the removal of 10 of 10 peers at once/)).toHaveLength(1);
    await world.clock.advance(60_000);
    expect(told()).toEqual([]);
  });

  test('subnets that become others one by one are doubted so, too', async () => {
    await started(10);
    for (let at = 1; at <= 10; at++) world.store.set(peer(`n${at}`, `10.244.${at + 100}.0/24`, at + 100));
    await world.clock.advance(1_000);
    expect(world.agent.status().heldRemovalCount).toBe(10);
    expect([...world.backend.network.peers.values()].map(({ subnets }) => subnets.ipv4)).toContain('10.244.1.0/24');
  });

  test('one removal waits a moment, many in a row a second at most, and nothing else waits', async () => {
    await started(100);
    world.store.delete('n1');
    world.store.set(peer('n2', '10.244.2.0/24', 222));
    await world.clock.advance(249);
    expect(told()).toHaveLength(100);
    expect(world.backend.network.peers.get('n2')?.attributes.ipv4?.publicIP).toBe('192.0.2.222');
    await world.clock.advance(1);
    expect(told()).toHaveLength(99);
    for (let at = 10; at < 16; at++) {
      world.store.delete(`n${at}`);
      await world.clock.advance(200);
    }
    // The first five within the second.
    expect(told()).toHaveLength(94);
    await world.clock.advance(50);
    expect(told()).toHaveLength(93);
  });

  test('what is back before that was never gone, and a snapshot is the last word', async () => {
    await started(3);
    world.store.delete('n1');
    world.store.set(peer('n1', '10.244.1.0/24', 101));
    await world.clock.advance(1_000);
    world.store.delete('n2');
    world.store.replace(peers(3));
    await world.clock.advance(1_000);
    expect(told()).toEqual(['n1', 'n2', 'n3']);
    expect(world.backend.network.updates).toHaveLength(1);
    // The next look for what may stop traffic.
    expect(world.clock.pending).toBe(1);
  });

  test('a subnet that goes to another host has it when its removal is through', async () => {
    await started(3);
    world.store.delete('n1');
    world.store.set(peer('new', '10.244.1.0/24', 150));
    await settle();
    expect(told()).toEqual(['n1', 'n2', 'n3']);
    await world.clock.advance(250);
    expect(told()).toEqual(['n2', 'n3', 'new']);
  });

  test('few removals go at once', async () => {
    await started(30);
    world.store.replace(peers(28));
    await settle();
    expect(told()).toHaveLength(28);
  });
});

describe('the log', () => {
  test('says a thing once', async () => {
    await started(1);
    const { network } = world.backend;
    const before = world.logger.lines.length;
    for (let times = 0; times < 3; times++) {
      network.state$.next({ phase: 'failed', mtu: 1450, problem: 'flannel.1 is gone' });
      await settle();
    }
    world.host$.next({ waiting: 'no carrier' });
    world.host$.next({ waiting: 'no carrier' });
    await settle();
    expect(world.logger.lines.slice(before)).toEqual([
      'error backend fake failed: flannel.1 is gone',
      'warn waiting for the interface of this host: no carrier',
    ]);
    await world.clock.advance(1_000);
    expect(world.logger.lines.at(-1)).toBe(
      'info not ready, waiting for interface: no carrier; device: flannel.1 is gone',
    );
    network.state$.next({ phase: 'ready', mtu: 1450 });
    world.host$.next({ host: host(1) });
    await settle();
    expect(world.logger.lines.at(-1)).toBe('info ready again');
  });

  test('names what the backend found, and the status lists it', async () => {
    world = new World();
    world.backend.findings = [
      { level: 'warning', check: 'forward-policy', message: 'FORWARD policy is DROP', remedy: 'accept 10.244.0.0/16' },
    ];
    await world.started();
    // Not before those who wait for the start have been served.
    expect(world.agent.status().findings).toEqual([]);
    await world.clock.advance(250);
    expect(world.agent.status().findings).toEqual(world.backend.findings);
    expect(world.logger.matching(/^warn FORWARD policy is DROP; accept 10.244.0.0\/16$/)).toHaveLength(1);
  });
});

test('status$ tells each state once, the present one first, and ends with the agent', async () => {
  world = new World();
  const phases: string[] = [];
  let ended = false;
  world.agent.status$.subscribe({ next: ({ phase }) => phases.push(phase), complete: () => (ended = true) });
  await world.started();
  world.backend.network.state$.next({ phase: 'failed', mtu: 1450 });
  await settle();
  await world.agent.stop();
  const different = phases.filter((phase, at) => phase !== phases[at - 1]);
  expect(different).toEqual(['idle', 'starting', 'ready', 'impaired', 'stopping', 'stopped']);
  expect(ended).toBe(true);
});

test('a subnet that does not fit any more is given up for another one', async () => {
  world = new World();
  world.file.text = 'FLANNEL_NETWORK=10.99.0.0/16\nFLANNEL_SUBNET=10.99.1.1/24\n';
  await world.started();
  expect(world.agent.status().ownLease?.subnets.ipv4).not.toBe(parsePrefix('10.99.1.0/24'));
});
