import { describe, expect, test } from '@jest/globals';
import type { Lease, LeaseAttributes, LeaseEvent, OwnLeaseState } from '@overlay/core';
import type { LeaseMender, Mended } from '@overlay/core/store';
import { LeaseKeeper, Patience } from '@overlay/core/store';
import { HandClock, RecordingLogger, settle } from '@overlay/core/testing';
import { Subject } from 'rxjs';

const attributesOf = (publicIP: string): LeaseAttributes =>
  ({ backendType: 'host-gw', ipv4: { publicIP } }) as unknown as LeaseAttributes;
const leaseOf = (key: string, subnet: string, publicIP: string): Lease =>
  ({ key, subnets: { ipv4: subnet }, attributes: attributesOf(publicIP) }) as unknown as Lease;

const signal = new AbortController().signal;

/** A store that does what a test says, and the keeper of its one lease. */
class Kept implements LeaseMender {
  lease = leaseOf('a', '10.5.1.0/24', '192.0.2.1');
  dueAt: number | undefined;
  asks = true;
  /** What the next attempts come to, in turn; then all is well. */
  outcomes: (Mended | Error)[] = [];
  readonly mended: LeaseAttributes[] = [];
  readonly clock = new HandClock();
  readonly logger = new RecordingLogger();
  readonly touched$ = new Subject<void>();
  readonly events = new Subject<LeaseEvent>();
  readonly states: OwnLeaseState[] = [];
  readonly keeper: LeaseKeeper;

  constructor() {
    const view = { ready: false, snapshot: (): LeaseEvent => ({ type: 'snapshot', leases: [] }), events: this.events };
    const { clock, logger, touched$ } = this;
    this.keeper = new LeaseKeeper({ mender: this, attributes: this.lease.attributes, view, touched$, clock, logger });
    this.keeper.state$.subscribe((state) => this.states.push(state));
  }

  needsMending(): boolean {
    return this.asks;
  }

  async mend(attributes: LeaseAttributes): Promise<Mended> {
    this.mended.push(attributes);
    const outcome = this.outcomes.shift() ?? { kind: 'done' };
    if (outcome instanceof Error) throw outcome;
    if (outcome.kind === 'done' && outcome.problem === undefined) this.lease = { ...this.lease, attributes };
    return outcome;
  }

  failure(error: unknown): { readonly problem: string } {
    return { problem: `the store is away: ${String(error)}` };
  }
}

describe('the keeper of a lease', () => {
  test('mends when it is told that something was touched, and only when that calls for it', async () => {
    const kept = new Kept();
    kept.asks = false;
    kept.touched$.next();
    await settle();
    expect(kept.mended).toHaveLength(0);
    kept.asks = true;
    kept.touched$.next();
    await settle();
    expect(kept.mended).toHaveLength(1);
    await kept.keeper.close();
  });

  test('mends when it is time', async () => {
    const kept = new Kept();
    kept.dueAt = kept.clock.now() + 60_000;
    kept.keeper.check();
    await kept.clock.advance(59_000);
    expect(kept.mended).toHaveLength(1);
    kept.dueAt += 60_000;
    await kept.clock.advance(2_000);
    expect(kept.mended).toHaveLength(2);
    await kept.keeper.close();
  });

  test('a failure is a problem of the lease, is tried again ever more slowly, and goes away', async () => {
    const kept = new Kept();
    // What is overdue must not make it run in circles.
    kept.dueAt = kept.clock.now();
    kept.outcomes = Array.from({ length: 6 }, () => new Error('refused'));
    kept.keeper.check();
    await settle();
    expect(kept.states.at(-1)?.problem).toBe('the store is away: Error: refused');
    expect(kept.mended).toHaveLength(1);
    await kept.clock.advance(1_000);
    const tries = kept.mended.length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(6);
    kept.dueAt = undefined;
    await kept.clock.advance(20_000);
    expect(kept.states.at(-1)).not.toHaveProperty('problem');
    expect(kept.logger.lines).toEqual([
      'warn 10.5.1.0/24: the store is away: Error: refused',
      'info 10.5.1.0/24: the lease is in order',
    ]);
    await kept.keeper.close();
  });

  test('what is published while an attempt is under way is written by the next one', async () => {
    const kept = new Kept();
    kept.outcomes = [{ kind: 'again', afterMs: 100, problem: 'somebody else writes' }];
    const [first, second] = [attributesOf('192.0.2.8'), attributesOf('192.0.2.9')];
    const one = kept.keeper.publish(first, { signal });
    await settle();
    const two = kept.keeper.publish(second, { signal });
    await kept.clock.advance(100);
    await Promise.all([one, two]);
    expect(kept.mended.at(-1)).toBe(second);
    expect(kept.states.at(-1)?.lease.attributes).toEqual(second);
    await kept.keeper.close();
    await expect(kept.keeper.publish(first, { signal })).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
  });

  test('is not looked at when others come and go that have nothing to do with it', async () => {
    const kept = new Kept();
    const { lease } = kept;
    let looks = 0;
    Object.defineProperty(kept, 'lease', { get: () => (looks++, lease) });
    for (let n = 2; n < 50; n++) {
      const other = leaseOf(`n${n}`, `10.5.${n}.0/24`, `192.0.2.${n}`);
      kept.events.next({ type: 'changes', changes: [{ type: 'set', lease: other }] });
      kept.events.next({ type: 'changes', changes: [{ type: 'delete', key: other.key }] });
    }
    kept.events.next({ type: 'snapshot', leases: [leaseOf('b', '10.5.2.0/24', '192.0.2.2')] });
    expect(looks).toBe(0);
    kept.events.next({ type: 'snapshot', leases: [leaseOf('b', '10.5.1.0/24', '192.0.2.2')] });
    expect(kept.states.at(-1)?.problem).toContain('overlaps our');
    kept.events.next({ type: 'snapshot', leases: [] });
    expect(kept.states.at(-1)?.problem).toBeUndefined();
    await kept.keeper.close();
  });

  test('shows the leases of others that contradict it, for as long as they do', async () => {
    const kept = new Kept();
    const rival = leaseOf('b', '10.5.0.0/16', '192.0.2.2');
    kept.events.next({ type: 'changes', changes: [{ type: 'set', lease: rival }] });
    expect(kept.states.at(-1)?.problem).toMatch(/host b \(192\.0\.2\.2\) holds 10\.5\.0\.0\/16, which overlaps/);
    kept.events.next({ type: 'changes', changes: [{ type: 'delete', key: 'b' }] });
    expect(kept.states.at(-1)).not.toHaveProperty('problem');
    await kept.keeper.close();
  });

  test('leaves no timer when it is closed', async () => {
    const kept = new Kept();
    kept.dueAt = kept.clock.now() + 60_000;
    kept.outcomes = [{ kind: 'again', afterMs: 100 }];
    kept.keeper.check();
    await settle();
    await kept.keeper.close();
    expect(kept.clock.pending).toBe(0);
  });
});

test('patience grows with each time that something is undone, and begins anew after a calm', async () => {
  const clock = new HandClock();
  const patience = new Patience(clock, 1_000);
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    const ms = patience.next();
    waits.push(ms);
    await clock.advance(ms + 1);
  }
  expect(waits).toEqual([0, 200, 400, 800, 1_000, 1_000]);
  await clock.advance(2_000);
  expect(patience.next()).toBe(0);
});
