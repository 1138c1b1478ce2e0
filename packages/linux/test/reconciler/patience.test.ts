import { describe, expect, test } from '@jest/globals';
import { Patience } from '../../dist/reconciler/patience.js';

const entry = 0;
/** In the middle of the jitter. */
const patience = (): Patience => new Patience(() => 0.5);

describe('patience with somebody who undoes an object', () => {
  test('restores at once a few times, then at growing distances, and then every ten seconds', () => {
    const patient = patience();
    const holds: number[] = [];
    // Undone again 10 ms after each restore, for ten minutes.
    for (let now = 0; now < 600_000; now += 10 + (holds.at(-1) ?? 0)) holds.push(patient.undone(entry, now));
    expect(holds.slice(0, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(holds[8]).toBeGreaterThan(200);
    expect(holds[8]).toBeLessThan(500);
    expect(Math.max(...holds)).toBeLessThanOrEqual(10_000);
    expect(holds.at(-1)).toBeGreaterThan(9900);
    expect(holds.length).toBeLessThan(80);
    expect(patient.undoneCount(entry)).toBe(holds.length);
  });

  test('restores at once for ever what is undone only now and then', () => {
    const patient = patience();
    for (let now = 0; now < 3_600_000; now += 11_000) expect(patient.undone(entry, now)).toBe(0);
  });

  test('has forgotten a quarrel after a minute', () => {
    const patient = patience();
    for (let now = 0; now < 100; now += 1) patient.undone(entry, now);
    expect(patient.undone(entry, 60_200)).toBe(0);
    expect(patient.undoneCount(entry)).toBe(1);
  });
});

describe('patience with a kernel that refuses everything', () => {
  test('tries 50,000 objects again in rounds of many, each of them in its time', () => {
    const patient = new Patience();
    const error = new Error('no');
    const tries = new Map<number, number>();
    for (let one = 0; one < 50_000; one += 1) patient.refused(one, error, 0);
    let rounds = 0;
    for (let now = patient.nextDue() ?? Infinity; now < 120_000; now = patient.nextDue() ?? Infinity) {
      rounds += 1;
      // Each of so many rounds would look through all of them.
      expect(rounds).toBeLessThan(3000);
      for (const one of patient.takeDue(now)) {
        tries.set(one, (tries.get(one) ?? 0) + 1);
        patient.refused(one, error, now);
      }
    }
    expect(tries.size).toBe(50_000);
    // After 0.1, 0.3, 0.7, … 51 s, and then every half minute.
    expect(Math.min(...tries.values())).toBeGreaterThanOrEqual(9);
    expect(Math.max(...tries.values())).toBeLessThanOrEqual(13);
  });

  test('tries nothing before its time, nor what is as wanted or not wanted any more meanwhile', () => {
    const patient = patience();
    for (const one of [1, 2, 3]) patient.refused(one, new Error('no'), 1000);
    patient.applied(1);
    patient.forget(2);
    const due = patient.nextDue() ?? 0;
    expect(due).toBeGreaterThanOrEqual(1100);
    expect(due).toBeLessThanOrEqual(1150);
    expect(patient.takeDue(due - 1)).toEqual([]);
    expect(patient.takeDue(due)).toEqual([3]);
    expect(patient.nextDue()).toBeUndefined();
    expect(patient.takeDue(due + 60_000)).toEqual([]);
  });
});
