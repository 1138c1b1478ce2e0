import type { SoakReport } from './soak.js';

/** What memory may grow by after the warm-up, in megabytes. */
export const MOST_GROWTH_MB = 2;

/** What is wrong with the outcome of a soak, one line each. */
export function verdict({ memory, pings, disagreements }: SoakReport): readonly string[] {
  const { growthMB } = memory;
  const failures = [...disagreements];
  if (growthMB.rss > MOST_GROWTH_MB) {
    failures.push(`the resident memory grew by ${growthMB.rss.toFixed(1)} MB, expected at most ${MOST_GROWTH_MB}`);
  }
  if (pings.lost > 0) failures.push(`${pings.lost} of ${pings.sent} pings were lost, expected none`);
  return failures;
}
