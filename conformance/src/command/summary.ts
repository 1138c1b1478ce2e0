import type { ProfileOutcomes } from '../suite/register.js';
import type { Verdict } from '../suite/tally.js';
import { count, verdict } from '../suite/tally.js';
import type { Outcome, Result } from '../suite/test-record.js';
import { PROFILE_SETS } from '../report/report.js';

const SHOWN: Readonly<Record<Result, string>> = {
  passed: 'passed',
  failed: 'failed',
  blocked: 'blocked',
  skipped: 'skipped',
  notSupported: 'not supported',
  notApplicable: 'not applicable',
};

/**
 * What a whole run says: a failure anywhere is one; what could not run counts in core sets only, for nobody has to have what
 * the extended ones ask for.
 */
export function overall(results: readonly ProfileOutcomes[]): Verdict {
  const all = results.flatMap(({ outcomes }) => [...outcomes.core, ...outcomes.extended]);
  if (all.some(({ result }) => result === 'failed')) return 'failure';
  return verdict(results.flatMap(({ outcomes }) => outcomes.core));
}

/** The results for a person: what failed or could not run, and a table. */
export function summary(results: readonly ProfileOutcomes[]): string {
  const lines = [...troubles(results, 'failed'), ...troubles(results, 'blocked'), ''];
  const width = Math.max(...results.map(({ profile }) => profile.name.length));
  for (const { profile, outcomes } of results) {
    for (const set of PROFILE_SETS) {
      if (outcomes[set].length === 0) continue;
      const name = set === 'core' ? profile.name : '';
      lines.push(
        `${name.padEnd(width)}  ${set.padEnd(8)}  ${verdict(outcomes[set]).padEnd(7)}  ${counted(outcomes[set])}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function counted(outcomes: readonly Outcome[]): string {
  const counts = count(outcomes);
  return (Object.keys(SHOWN) as Result[])
    .filter((result) => counts[result] > 0)
    .map((result) => `${counts[result]} ${SHOWN[result]}`)
    .join(', ');
}

/** What ended in one way, by reason, so that one reason for many tests is told once. */
function troubles(results: readonly ProfileOutcomes[], wanted: Result): string[] {
  const byReason = new Map<string, string[]>();
  for (const { outcomes } of results) {
    for (const { id, result, reason = '' } of [...outcomes.core, ...outcomes.extended]) {
      if (result === wanted) byReason.set(reason, [...(byReason.get(reason) ?? []), id]);
    }
  }
  return [...byReason].flatMap(([reason, ids]) => [
    '',
    `${SHOWN[wanted]}: ${ids.join(', ')}`,
    `  ${reason.replaceAll('\n', '\n  ')}`,
  ]);
}
