import type { Report } from '../report/report.js';
import type { TestFramework } from './framework.js';
import type { Around, ProfileOutcomes } from './register.js';
import type { Outcome } from './test-record.js';

/** What becomes of the report of a run. */
export interface ReportWish {
  /** The file to write it to. */
  readonly path?: string;
  readonly onReport?: (report: Report) => void;
  /** A report that is kept: the run fails at its end when a test ended otherwise than there. Where it ran does not count. */
  readonly agreesWith?: string;
}

/** How a suite is run, whatever it is run against. */
export interface RunOptions {
  readonly framework: TestFramework;
  /** The names of the profiles to run; all unless told. */
  readonly profiles?: readonly string[];
  /** Only these tests, by id, of those profiles. The others count as skipped, so no profile is more than `partial`. */
  readonly only?: readonly string[];
  /** What to do with the report. Needs `implementation`. */
  readonly report?: ReportWish;
  /** Called around each test, with what runs it; an error that it throws fails the test. */
  readonly around?: Around;
  /** Called with how every test has ended, before the report is made. */
  readonly onResults?: (results: readonly ProfileOutcomes[]) => void;
  /** Called once for each test as it ends; for those that do not run, when they are registered. */
  readonly onOutcome?: (outcome: Outcome) => void;
}
