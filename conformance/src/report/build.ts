import type { ProfileOutcomes } from '../suite/register.js';
import { count, verdict } from '../suite/tally.js';
import type { Outcome } from '../suite/test-record.js';
import type { Report, ReportedSet } from './report.js';
import { REPORT_API_VERSION } from './report.js';
import { VERSIONS } from './versions.js';

/** What a report is made from beside the outcomes. */
export type ReportSubject = Pick<Report, 'subject' | 'implementation' | 'mode'> & {
  readonly environment: Omit<Report['environment'], 'node' | 'platform'>;
  /** What the implementation says of itself, by feature. */
  readonly supports: Readonly<Record<string, boolean>>;
};

/** Makes the report of a run. */
export function buildReport(subject: ReportSubject, results: readonly ProfileOutcomes[], date = new Date()): Report {
  const { supports, environment, ...rest } = subject;
  const features = Object.keys(supports).sort();
  return {
    apiVersion: REPORT_API_VERSION,
    kind: 'ConformanceReport',
    subject: rest.subject,
    implementation: rest.implementation,
    mode: rest.mode,
    date: `${date.toISOString().slice(0, 19)}Z`,
    versions: VERSIONS,
    environment: { ...environment, node: process.version, platform: `${process.platform}-${process.arch}` },
    features: {
      supported: features.filter((feature) => supports[feature]),
      unsupported: features.filter((feature) => !supports[feature]),
    },
    profiles: results.map(({ profile, outcomes }) => ({
      name: profile.name,
      core: reportedSet(outcomes.core),
      extended: reportedSet(outcomes.extended),
    })),
  };
}

function reportedSet(outcomes: readonly Outcome[]): ReportedSet {
  const tests = [...outcomes]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, result, reason }) => ({ id, result, ...(reason === undefined ? {} : { reason: oneLine(reason) }) }));
  return { result: verdict(outcomes), counts: count(outcomes), tests };
}

const LONGEST_REASON = 400;

/** A failure's first lines as one: where it says what differs. */
function oneLine(text: string): string {
  const line = text.trim().replace(/\s*\n\s*/g, ' / ');
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON)}…` : line;
}
