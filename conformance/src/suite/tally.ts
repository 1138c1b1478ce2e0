import type { Outcome, Result } from './test-record.js';

/**
 * What a set of tests says of an implementation. `success`: every test that concerns it has run and passed. `partial`: none
 * failed, but some could not run, so nobody knows. `failure`: at least one failed. `none`: no test concerns it.
 */
export type Verdict = 'success' | 'partial' | 'failure' | 'none';

/** How many tests ended in each way. */
export type Counts = Readonly<Record<Result, number>>;

export function count(outcomes: readonly Outcome[]): Counts {
  const counts = { passed: 0, failed: 0, notSupported: 0, notApplicable: 0, blocked: 0, skipped: 0 };
  for (const { result } of outcomes) counts[result] += 1;
  return counts;
}

export function verdict(outcomes: readonly Outcome[]): Verdict {
  const { passed, failed, blocked, skipped } = count(outcomes);
  if (failed > 0) return 'failure';
  if (blocked + skipped > 0) return 'partial';
  return passed > 0 ? 'success' : 'none';
}
