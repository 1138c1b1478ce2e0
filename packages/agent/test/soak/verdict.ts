import type { SoakReport } from './soak.js';

/** What memory may grow by after the warm-up, in megabytes. */
export const MOST_GROWTH_MB = 2;

/**
 * What is judged. `resident` is what a host gives up in the end, and says something once V8 has compiled what a churn
 * needs, which takes some minutes. `live` is what JavaScript holds after a forced collection, inside and outside its
 * heap: it shows a leak within a minute.
 */
export type Judged = 'resident' | 'live';

/** What is wrong with the outcome of a soak, one line each. */
export function verdict({ memory, pings, disagreements }: SoakReport, judged: Judged = 'resident'): readonly string[] {
  const { rss, heapUsed, external } = memory.growthMB;
  const growth = judged === 'resident' ? rss : heapUsed + external;
  const failures = [...disagreements];
  if (growth > MOST_GROWTH_MB) {
    failures.push(`the ${judged} memory grew by ${growth.toFixed(1)} MB, expected at most ${MOST_GROWTH_MB}`);
  }
  if (pings.lost > 0) failures.push(`${pings.lost} of ${pings.sent} pings were lost, expected none`);
  return failures;
}
