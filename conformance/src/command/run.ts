import { writeFile } from 'node:fs/promises';
import { backendConformance } from '../backend/backend-conformance.js';
import { formatJUnit } from '../report/junit.js';
import { writeReport } from '../report/text.js';
import type { Report } from '../report/report.js';
import type { ProfileOutcomes } from '../suite/register.js';
import type { RunOptions } from '../suite/run-options.js';
import { TestSequence } from '../suite/sequence.js';
import type { Verdict } from '../suite/tally.js';
import { subnetManagerConformance } from '../subnet-manager/subnet-manager-conformance.js';
import type { RunArguments } from './arguments.js';
import type { CommandIo } from './command-io.js';
import { loadSubject } from './load-subject.js';
import { checkWritable } from './output-files.js';
import { StrayErrors } from './stray-errors.js';
import { overall, summary } from './summary.js';

const EXIT_CODES: Readonly<Record<Verdict, number>> = { success: 0, failure: 1, partial: 3, none: 3 };
/** The exit code as of a program that a signal ends. */
export const INTERRUPTED = 130;

/** Runs the suite as the command line asks for it; gives the exit code. */
export async function runSuite(args: RunArguments, io: CommandIo): Promise<number> {
  await checkWritable({ '--report': args.report, '--junit': args.junit });
  const stray = new StrayErrors();
  try {
    return await runLoaded(args, io, stray);
  } finally {
    stray.close();
  }
}

async function runLoaded(
  args: RunArguments,
  { stdout, stderr, signal }: CommandIo,
  stray: StrayErrors,
): Promise<number> {
  const found = await loadSubject(args.module, args.mode, signal);
  const sequence = new TestSequence();
  let results: readonly ProfileOutcomes[] = [];
  let report: Report | undefined;
  const options: RunOptions = {
    framework: sequence,
    ...(args.profile ? { profiles: args.profile } : {}),
    ...(args.test ? { only: args.test } : {}),
    ...(args.report === undefined ? {} : { report: { onReport: (made) => (report = made) } }),
    onResults: (all) => (results = all),
    around: stray.around,
  };
  if (found.kind === 'backend') backendConformance({ ...found.subject, ...options });
  else subnetManagerConformance({ ...found.subject, ...options });

  let done = 0;
  await sequence.run({
    ...(signal ? { signal } : {}),
    onEnd: (name, problem) => {
      done += 1;
      const mark = problem === undefined ? 'ok  ' : 'FAIL';
      stderr.write(`${mark} ${String(done).padStart(String(sequence.size).length)}/${sequence.size} ${name}\n`);
    },
  });
  stdout.write(summary(results));
  if (report !== undefined && args.report !== undefined) await writeReport(args.report, report);
  if (args.junit !== undefined) await writeFile(args.junit, formatJUnit(results));
  const left = stray.take();
  for (const line of left)
    stderr.write(`overlay-conformance: an error between the tests that nobody has handled: ${line}\n`);
  const result = left.length > 0 ? 'failure' : overall(results);
  stdout.write(`\nresult: ${result}\n`);
  return signal?.aborted ? INTERRUPTED : EXIT_CODES[result];
}

/** Shows what would run. */
export async function listTests(args: RunArguments, { stdout, signal }: CommandIo): Promise<number> {
  const found = await loadSubject(args.module, args.mode, signal);
  const titles = new Map<string, string>();
  let results: readonly ProfileOutcomes[] = [];
  // Nothing of it is run, so what would run ends as skipped, and the rest as what keeps it from running.
  const sequence = new TestSequence();
  const options: RunOptions = {
    framework: sequence,
    ...(args.profile ? { profiles: args.profile } : {}),
    onResults: (all) => (results = all),
  };
  if (found.kind === 'backend') backendConformance({ ...found.subject, ...options });
  else subnetManagerConformance({ ...found.subject, ...options });
  await sequence.run({ signal: AbortSignal.abort() });
  for (const { profile, outcomes } of results) {
    for (const { id, title } of [...profile.core, ...profile.extended]) titles.set(id, title);
    stdout.write(`${profile.name}: ${profile.description}\n`);
    for (const [set, tests] of Object.entries(outcomes)) {
      if (tests.length > 0) stdout.write(`  ${set}\n`);
      for (const { id, result, reason } of tests) {
        const why = result === 'skipped' ? '' : ` (${reason})`;
        stdout.write(`    ${id}: ${titles.get(id)}${why}\n`);
      }
    }
  }
  return 0;
}
