import type { ProcessSample, RandomTrafficReport } from './random-traffic.js';

/** By how much the process may be larger in the last quarter than in the second, in KiB. */
const MOST_GROWTH_KIB = 2048;

/** What speaks against a run; nothing if all is well. */
export function verdict({ wrong, compared, packets, samples }: RandomTrafficReport): readonly string[] {
  const failures = [...wrong];
  if (compared === 0 || packets === 0) failures.push(`${compared} payloads compared, ${packets} packets carried`);
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return [...failures, `${samples.length} samples are too few to tell a growth`];
  const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  for (const member of ['threads', 'descriptors'] as const) {
    const [before, after] = [least(early, member), least(late, member)];
    if (after > before) failures.push(`${member}: ${before} at first, ${after} at the end`);
  }
  const growth = least(late, 'anonymousKiB') - least(early, 'anonymousKiB');
  if (growth > MOST_GROWTH_KIB) failures.push(`memory grew by ${growth} KiB; ${MOST_GROWTH_KIB} are allowed`);
  return failures;
}

function least(samples: readonly ProcessSample[], member: keyof ProcessSample): number {
  return Math.min(...samples.map((sample) => sample[member]));
}
