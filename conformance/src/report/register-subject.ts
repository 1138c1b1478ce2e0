import { deepEqual } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { OverlayError } from '@overlay/core';
import type { Profile } from '../suite/profile.js';
import { chooseProfiles } from '../suite/profile.js';
import type { ProfileOutcomes, Registration } from '../suite/register.js';
import { register } from '../suite/register.js';
import type { RunOptions } from '../suite/run-options.js';
import type { ConformanceTest } from '../suite/test-record.js';
import { buildReport } from './build.js';
import type { ReportSubject } from './build.js';
import { diffReports } from './diff.js';
import type { Implementation } from './implementation.js';
import { parseReport } from './read.js';
import type { Report } from './report.js';
import { writeReport } from './text.js';

/** What is tested, and how one test of it is run. */
export interface SubjectRun<Context, Feature extends string>
  extends
    Pick<Registration<Context, Feature>, 'name' | 'obstacle' | 'timeoutMs' | 'within'>,
    Pick<ReportSubject, 'subject' | 'mode' | 'environment'> {
  readonly features: Readonly<Record<Feature, boolean>>;
  readonly profiles: readonly Profile<ConformanceTest<Context, Feature>>[];
  /** Ends what the tests have shared. */
  readonly end?: () => Promise<void>;
}

/** Registers the tests of a suite, and has the report made when they have ended. */
export function registerSubject<Context, Feature extends string>(
  options: RunOptions & { readonly implementation?: Implementation },
  run: SubjectRun<Context, Feature>,
): void {
  const { framework, onOutcome, onResults, only, report, implementation, around } = options;
  const { features, subject, mode, environment, profiles: all, end, ...rest } = run;
  const profiles = chooseProfiles(all, options.profiles);
  checkOnly(only, profiles);
  const registration = { ...rest, framework, profiles, supports: (feature: Feature) => features[feature] };
  const write = reportWriter(report, implementation, { subject, mode, environment, supports: features });
  register({
    ...registration,
    ...(only ? { only: new Set(only) } : {}),
    ...(onOutcome ? { onOutcome } : {}),
    ...(around ? { around } : {}),
    onEnd: async (results) => {
      await end?.();
      onResults?.(results);
      await write?.(results);
    },
  });
}

function checkOnly(only: readonly string[] | undefined, profiles: readonly Profile<{ readonly id: string }>[]): void {
  const ids = new Set(profiles.flatMap(({ core, extended }) => [...core, ...extended].map(({ id }) => id)));
  const unknown = only?.find((id) => !ids.has(id));
  if (unknown === undefined) return;
  const where = profiles.map(({ name }) => name).join(', ');
  throw new OverlayError(
    'OVERLAY_TEST_UNKNOWN',
    `only: expected the id of a test of the profiles ${where}, got ${JSON.stringify(unknown)}`,
    { key: 'only' },
  );
}

function reportWriter(
  report: RunOptions['report'],
  implementation: Implementation | undefined,
  subject: Omit<ReportSubject, 'implementation'>,
): ((results: readonly ProfileOutcomes[]) => Promise<void>) | undefined {
  if (report === undefined) return undefined;
  if (implementation === undefined) {
    throw new OverlayError(
      'OVERLAY_IMPLEMENTATION_INVALID',
      'report: needs `implementation`: who made what is tested',
      {
        key: 'implementation',
      },
    );
  }
  return async (results) => {
    const made = buildReport({ ...subject, implementation }, results);
    report.onReport?.(made);
    if (report.path !== undefined) await writeReport(report.path, made);
    if (report.agreesWith !== undefined) await agree(report.agreesWith, made);
  };
}

/** @throws AssertionError naming the tests that ended otherwise than in a report that is kept. */
async function agree(file: string, made: Report): Promise<void> {
  const kept = parseReport(await readFile(file, 'utf8'), file);
  // Where it ran is another matter.
  const changed = diffReports(kept, made).filter((line) => !line.startsWith('environment.'));
  deepEqual(changed, [], `what changed since ${file}`);
}
