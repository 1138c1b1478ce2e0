export type { TestFramework } from './suite/framework.js';
export type { SequenceListener } from './suite/sequence.js';
export { TestSequence } from './suite/sequence.js';
export type { Profile, ProfileSet } from './suite/profile.js';
export type { ReportWish, RunOptions } from './suite/run-options.js';
export type { Counts, Verdict } from './suite/tally.js';
export type { Blocked, ConformanceTest, Ending, Need, NotApplicable, Outcome, Result } from './suite/test-record.js';
export { blocked, notApplicable } from './suite/test-record.js';

// Reports
export type { Implementation } from './report/implementation.js';
export type { Report, ReportedProfile, ReportedSet, ReportedTest } from './report/report.js';
export { REPORT_API_VERSION } from './report/report.js';
export { formatReport } from './report/text.js';
export { parseReport } from './report/read.js';
export { diffReports } from './report/diff.js';
export { formatJUnit } from './report/junit.js';
export type { Around, ProfileOutcomes } from './suite/register.js';

// The command
export type { CommandIo } from './command/command-io.js';
export { conformanceCommand } from './command/command.js';
export { VERSIONS } from './report/versions.js';
