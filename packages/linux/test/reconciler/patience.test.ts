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
