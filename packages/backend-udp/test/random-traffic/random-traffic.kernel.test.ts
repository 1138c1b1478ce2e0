import { expect, test } from '@jest/globals';
import { randomTraffic } from './random-traffic.js';

/** Long enough for some of each; `npm run traffic` takes an hour, and looks at what the process holds. */
const DURATION_MS = 15_000;

test.each(['user', 'kernel'] as const)(
  'random traffic, offloads and nonsense pass the %s path whole',
  async (dataPath) => {
    const { wrong, compared, packets } = await randomTraffic({ dataPath, durationMs: DURATION_MS, seed: 11 });
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(100);
    expect(packets).toBeGreaterThan(compared);
  },
  180_000,
);
