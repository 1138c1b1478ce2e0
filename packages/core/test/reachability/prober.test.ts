import { describe, expect, test } from '@jest/globals';
import { leases, ProbeWorld } from './support.js';

const SECOND = 1_000;

describe('whose turn it is', () => {
  test('a few a second over all peers, each as often as any other', async () => {
    const world = new ProbeWorld(leases(50));
    await world.clock.advance(100 * SECOND);
    expect(Math.abs(world.sent.length - 500)).toBeLessThanOrEqual(2);
    for (let at = 0; at < 50; at++) expect(Math.abs(world.probes(`10.244.${at}.`) - 10)).toBeLessThanOrEqual(1);
    world.prober.close();
  });

  test('one peer alone is probed once a second, however high the rate', async () => {
    const world = new ProbeWorld(leases(1), { rate: 50 });
    await world.clock.advance(20 * SECOND);
    expect(world.sent.length).toBeGreaterThanOrEqual(18);
    expect(world.sent.length).toBeLessThanOrEqual(20);
    world.prober.close();
  });

  test('the distances between probes are uneven, from half to one and a half', async () => {
    const distances = new Set<number>();
    let number = 0;
    const world = new ProbeWorld(leases(50), { random: () => (number = (number + 0.37) % 1) });
    let before = 0;
    for (let at = 0; at < 20_000; at += 10) {
      const count = world.sent.length;
      await world.clock.advance(10);
      if (world.sent.length > count) {
        if (before > 0) distances.add(at - before);
        before = at;
      }
    }
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(90);
    expect(Math.max(...distances)).toBeLessThanOrEqual(310);
    expect(distances.size).toBeGreaterThan(10);
    world.prober.close();
  });

  test('one that lost its last probe is probed again before all others had their turn, and they still get theirs', async () => {
    const world = new ProbeWorld(leases(100));
    await world.clock.advance(45 * SECOND);
    const usual = world.answers;
    world.answers = (address) => (address.startsWith('10.244.0.') ? undefined : usual(address));
    await world.clock.advance(25 * SECOND);
    expect(world.of('h0').state).toBe('unreachable');
    const before = world.sent.length;
    await world.clock.advance(60 * SECOND);
    const others = new Set(world.sent.slice(before).map(({ address }) => address));
    expect(others.size).toBeGreaterThanOrEqual(100);
    world.answers = usual;
    await world.clock.advance(5 * SECOND);
    expect(world.of('h0').state).toBe('reachable');
    world.prober.close();
  });

  test('a thousand that are gone do not keep the others from their turn', async () => {
    const world = new ProbeWorld(leases(1000), { rate: 100 });
    await world.clock.advance(12 * SECOND);
    expect(world.prober.report().counts).toEqual({ reachable: 1000, unreachable: 0, unknown: 0 });
    const usual = world.answers;
    world.answers = (address) => (address.startsWith('10.244.7.') ? usual(address) : undefined);
    await world.clock.advance(60 * SECOND);
    const before = world.probes('10.244.7.');
    await world.clock.advance(60 * SECOND);
    expect(world.probes('10.244.7.') - before).toBeGreaterThanOrEqual(2);
    expect(world.prober.report().counts).toEqual({ reachable: 1, unreachable: 999, unknown: 0 });
    world.prober.close();
  });
});

describe('what is known', () => {
  test('round-trip times, last and average', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(10 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'reachable', loss: 0, lost: 0, rtt: { lastMs: 2, averageMs: 2 } });
    world.answers = () => 10;
    await world.clock.advance(SECOND);
    expect(world.of('h0').rtt).toEqual({ lastMs: 10, averageMs: 3 });
    world.prober.close();
  });

  test('unreachable after three losses, since the first of them; the loss is that of the last 20', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(30 * SECOND);
    const usual = world.answers;
    world.answers = () => undefined;
    const goneAt = world.clock.now();
    await world.clock.advance(2 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'reachable' });
    await world.clock.advance(3 * SECOND);
    const { state, loss = 0, lost, unreachableSince = 0 } = world.of('h0');
    expect(state).toBe('unreachable');
    expect(lost).toBeGreaterThanOrEqual(3);
    expect(loss).toBeCloseTo(lost / 20);
    expect(unreachableSince - goneAt).toBeGreaterThanOrEqual(0);
    expect(unreachableSince - goneAt).toBeLessThanOrEqual(SECOND);
    world.answers = usual;
    await world.clock.advance(3 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'reachable', loss: expect.any(Number) });
    expect(world.of('h0').unreachableSince).toBeUndefined();
    await world.clock.advance(30 * SECOND);
    expect(world.of('h0')).toMatchObject({ loss: 0 });
    expect(world.of('h0').lost).toBeGreaterThanOrEqual(3);
    world.prober.close();
  });

  test('a peer that has never answered is unknown, not lost, and not worth a line', async () => {
    const world = new ProbeWorld(leases(2));
    world.answers = (address) => (address.startsWith('10.244.1.') ? 1 : undefined);
    await world.clock.advance(60 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'unknown', lost: 0 });
    expect(world.of('h0').sent).toBeGreaterThan(10);
    expect(world.of('h0').loss).toBeUndefined();
    expect(world.logger.lines).toEqual([]);
    world.prober.close();
  });

  test('where no device has the network address, that of the bridge answers, and is kept to', async () => {
    const world = new ProbeWorld(leases(1));
    world.answers = (address) => (address === '10.244.0.1' ? 1 : undefined);
    await world.clock.advance(10 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'reachable', target: '10.244.0.1', lost: 0 });
    const before = world.sent.length;
    await world.clock.advance(10 * SECOND);
    expect(new Set(world.sent.slice(before).map(({ address }) => address))).toEqual(new Set(['10.244.0.1']));
    // Once it is gone, either is tried again; what is shown is the one that answered.
    world.answers = () => undefined;
    const tried = world.sent.length;
    for (let second = 0; second < 10; second++) {
      await world.clock.advance(SECOND);
      expect(world.of('h0').target).toBe('10.244.0.1');
    }
    expect(world.of('h0').state).toBe('unreachable');
    expect(new Set(world.sent.slice(tried).map(({ address }) => address)).size).toBe(2);
    world.prober.close();
  });

  test('each family by itself', async () => {
    const world = new ProbeWorld(leases(1, true));
    world.answers = () => 1;
    await world.clock.advance(5 * SECOND);
    world.answers = (address) => (address.includes(':') ? undefined : 1);
    await world.clock.advance(6 * SECOND);
    expect(world.of('h0', 'ipv4').state).toBe('reachable');
    expect(world.of('h0', 'ipv6')).toMatchObject({ state: 'unreachable', target: expect.stringMatching(/^fd00:244:/) });
    world.prober.close();
  });

  test('what the kernel refuses to send is lost at once, with its reason', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(5 * SECOND);
    world.refuses = () => 'Network is unreachable';
    await world.clock.advance(4 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'unreachable', problem: 'Network is unreachable' });
    world.refuses = () => undefined;
    await world.clock.advance(2 * SECOND);
    expect(world.of('h0').state).toBe('reachable');
    expect(world.of('h0').problem).toBeUndefined();
    world.prober.close();
  });

  test('an answer that comes late, twice or unasked changes nothing', async () => {
    const world = new ProbeWorld(leases(1));
    world.answers = () => undefined;
    await world.clock.advance(3 * SECOND);
    world.answer(world.sent[0].token);
    world.answer(4_000_000_000);
    expect(world.of('h0').state).toBe('unknown');
    world.answers = () => 1;
    await world.clock.advance(2 * SECOND);
    const { sent } = world.of('h0');
    for (const { token } of world.sent) world.answer(token);
    expect(world.of('h0').sent).toBe(sent);
    world.prober.close();
  });

  test('while the agent itself stood still, nothing counts as lost', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(5 * SECOND);
    world.answers = () => undefined;
    const before = world.sent.length;
    while (world.sent.length === before) await world.clock.advance(50);
    // The answer waits in the socket meanwhile.
    world.stoodMs = 10 * SECOND;
    await world.clock.advance(300);
    expect(world.of('h0').lost).toBe(0);
    world.answer(world.sent[before].token);
    expect(world.of('h0')).toMatchObject({ state: 'reachable', lost: 0, rtt: { lastMs: expect.any(Number) } });
    world.prober.close();
  });
});

describe('peers that come and go', () => {
  test('are probed within seconds, and forgotten', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(3 * SECOND);
    world.peers = leases(3);
    await world.clock.advance(4 * SECOND);
    expect(world.prober.report().counts).toEqual({ reachable: 3, unreachable: 0, unknown: 0 });
    world.peers = leases(3).slice(1);
    await world.clock.advance(2 * SECOND);
    expect(world.prober.report().peers.map(({ peer }) => peer)).toEqual(['h1', 'h2']);
    const before = world.probes('10.244.0.');
    await world.clock.advance(10 * SECOND);
    expect(world.probes('10.244.0.')).toBe(before);
    world.prober.close();
  });

  test('one that gets another subnet begins anew', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(3 * SECOND);
    const [, other] = leases(2);
    world.peers = [{ ...other, key: 'h0' }];
    world.answers = () => undefined;
    await world.clock.advance(10 * SECOND);
    expect(world.of('h0')).toMatchObject({ state: 'unknown', target: expect.stringMatching(/^10\.244\.1\./) });
    expect(world.logger.lines).toEqual([]);
    world.prober.close();
  });

  test('one that goes while a probe is on its way leaves nothing behind', async () => {
    const world = new ProbeWorld(leases(1));
    await world.clock.advance(5 * SECOND);
    world.answers = () => undefined;
    await world.clock.advance(4 * SECOND);
    world.peers = [];
    await world.clock.advance(5 * SECOND);
    expect(world.prober.report()).toMatchObject({ peers: [], counts: { reachable: 0, unreachable: 0, unknown: 0 } });
    world.prober.close();
  });
});

describe('what is listed', () => {
  test('at most 100, the worst first; the counts tell of all', async () => {
    const world = new ProbeWorld(leases(1000), { rate: 100 });
    world.answers = (address) => {
      const [, , number] = address.split('.').map(Number);
      return address.startsWith('10.244.') && number === 5 ? undefined : (number % 50) + 1;
    };
    await world.clock.advance(25 * SECOND);
    const alike = world.answers;
    world.answers = (address) => (/^10\.244\.(9|3)\./.test(address) ? undefined : alike(address));
    await world.clock.advance(30 * SECOND);
    const { peers, counts } = world.prober.report();
    expect(counts).toEqual({ reachable: 997, unreachable: 2, unknown: 1 });
    expect(peers).toHaveLength(100);
    expect(peers.slice(0, 3).map(({ peer, state }) => [peer, state])).toEqual([
      [expect.stringMatching(/^h[39]$/), 'unreachable'],
      [expect.stringMatching(/^h[39]$/), 'unreachable'],
      ['h5', 'unknown'],
    ]);
    expect(peers[0].unreachableSince).toBeLessThanOrEqual(peers[1].unreachableSince ?? 0);
    const times = peers.slice(3).map(({ rtt }) => rtt?.averageMs ?? 0);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times[0]).toBe(50);
    world.prober.close();
  });
});

describe('the log', () => {
  test('one line when a peer stops answering, one when it answers again', async () => {
    const world = new ProbeWorld(leases(2));
    await world.clock.advance(5 * SECOND);
    const usual = world.answers;
    world.answers = (address) => (address.startsWith('10.244.1.') ? usual(address) : undefined);
    await world.clock.advance(30 * SECOND);
    world.answers = usual;
    await world.clock.advance(30 * SECOND);
    expect(world.logger.lines).toEqual([
      'warn peer "h0" does not answer probes of 10.244.0.0/24 any more',
      expect.stringMatching(/^info peer "h0" answers probes of 10\.244\.0\.0\/24 again, after (29|30|31) s$/),
    ]);
    world.prober.close();
  });

  test('of many at once ten lines and then a count, minute by minute', async () => {
    const world = new ProbeWorld(leases(100), { rate: 100 });
    await world.clock.advance(5 * SECOND);
    const usual = world.answers;
    world.answers = () => undefined;
    await world.clock.advance(120 * SECOND);
    expect(world.logger.matching(/^warn peer "/)).toHaveLength(10);
    expect(world.logger.matching(/^warn in the last minute 90 more peers stopped/)).toHaveLength(1);
    expect(world.logger.lines).toHaveLength(11);
    world.answers = usual;
    await world.clock.advance(120 * SECOND);
    expect(world.logger.matching(/^info peer "/)).toHaveLength(10);
    expect(world.logger.matching(/^info in the last minute 90 more peers answered/)).toHaveLength(1);
    expect(world.logger.lines).toHaveLength(22);
    world.prober.close();
  });
});

describe('without a socket', () => {
  test('nothing counts as lost, the status says why, and it goes on when there is one', async () => {
    const world = new ProbeWorld(leases(1, true));
    world.answers = () => 1;
    await world.clock.advance(5 * SECOND);
    world.socketless = (address) => (address.includes(':') ? undefined : new Error('no right to open a socket'));
    await world.clock.advance(60 * SECOND);
    expect(world.prober.report()).toMatchObject({
      problem: 'no right to open a socket',
      counts: { reachable: 2, unreachable: 0, unknown: 0 },
    });
    expect(world.of('h0', 'ipv4').lost).toBe(0);
    world.socketless = () => undefined;
    await world.clock.advance(20 * SECOND);
    expect(world.prober.report().problem).toBeUndefined();
    expect(world.logger.lines).toEqual([
      'warn probing over ipv4: no right to open a socket',
      'info probing over ipv4 again',
    ]);
    world.prober.close();
  });
});

test('after close there is no timer and no socket, and nothing is sent', async () => {
  const world = new ProbeWorld(leases(3));
  await world.clock.advance(5 * SECOND);
  world.answers = () => undefined;
  await world.clock.advance(10 * SECOND);
  expect(world.logger.lines).toHaveLength(3);
  world.prober.close();
  world.prober.close();
  expect(world.clock.pending).toBe(0);
  expect(world.closed).toBe(2);
  const before = world.sent.length;
  await world.clock.advance(60 * SECOND);
  expect(world.sent.length).toBe(before);
});
