import { describe, expect, test } from '@jest/globals';
import { soak } from '../soak/soak.js';
import { verdict } from '../soak/verdict.js';

/** Long enough for some restarts and a few hundred of each step; `npm run soak` takes an hour. */
const DURATION_MS = 60_000;

describe('an agent under churn', () => {
  test('stays small, loses no packet, and agrees with the store at the end', async () => {
    const report = await soak({ backend: 'vxlan', durationMs: DURATION_MS, seed: 7 });
    // A minute is within the time in which V8 compiles; the hour judges resident memory.
    expect(verdict(report, 'live')).toEqual([]);
    // It was no idle minute.
    for (const count of Object.values(report.steps)) expect(count).toBeGreaterThan(5);
    expect(report.restarts).toBeGreaterThanOrEqual(2);
    expect(report.peers).toBeGreaterThan(50);
    expect(report.kernelWrites).toBeGreaterThan(1000);
    expect(report.pings.sent).toBeGreaterThan(1000);
  }, 180_000);
});
