import type { ProfileOutcomes } from '../suite/register.js';
import type { Outcome } from '../suite/test-record.js';
import { PROFILE_SETS } from './report.js';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** What XML 1.0 has no way to say (section 2.2), half characters among it. */
// eslint-disable-next-line no-control-regex
const UNSAYABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Surrogate}]/gu;

function escape(text: string): string {
  return text.replace(UNSAYABLE, '').replace(/[&<>"]/g, (each) => ENTITIES[each]);
}

function seconds(outcomes: readonly Outcome[]): string {
  return (outcomes.reduce((sum, { milliseconds = 0 }) => sum + milliseconds, 0) / 1000).toFixed(3);
}

function testCase(profile: string, outcome: Outcome, title: string): string {
  const { result, reason = '' } = outcome;
  const name = `name="${escape(`${outcome.id}: ${title}`)}" classname="${escape(profile)}" time="${seconds([outcome])}"`;
  if (result === 'passed') return `    <testcase ${name}/>`;
  const [first] = reason.split('\n');
  const inside =
    result === 'failed'
      ? `<failure message="${escape(first)}">${escape(reason)}</failure>`
      : `<skipped message="${escape(`${result}: ${reason}`)}"/>`;
  return `    <testcase ${name}>${inside}</testcase>`;
}

/** Results as JUnit XML, a suite for each profile: what most build servers read. */
export function formatJUnit(results: readonly ProfileOutcomes[]): string {
  const suites = results.map(({ profile, outcomes }) => {
    const titles = new Map([...profile.core, ...profile.extended].map(({ id, title }) => [id, title]));
    const all = PROFILE_SETS.flatMap((set) => outcomes[set]);
    const failures = all.filter(({ result }) => result === 'failed').length;
    const skipped = all.filter(({ result }) => result !== 'failed' && result !== 'passed').length;
    const counts = `tests="${all.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds(all)}"`;
    const cases = all.map((outcome) => testCase(profile.name, outcome, titles.get(outcome.id) ?? ''));
    return [`  <testsuite name="${escape(profile.name)}" ${counts}>`, ...cases, '  </testsuite>'].join('\n');
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`;
}
