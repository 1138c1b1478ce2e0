import type { Report } from '../report/report.js';
import type { TestFramework } from './framework.js';
import type { ProfileOutcomes } from './register.js';
import type { Outcome } from './test-record.js';

/** How a suite is run, whatever it is run against. */
export interface RunOptions {
  readonly framework: TestFramework;
  /** The names of the profiles to run; all unless told. */
  readonly profiles?: readonly string[];
  /** Only these tests, by id, of those profiles. The others count as skipped, so no profile is more than `partial`. */
  readonly only?: readonly string[];
  /** Where to write the report, and what to do with it. Needs `implementation`. */
  readonly report?: { readonly path?: string; readonly onReport?: (report: Report) => void };
  /** Called with how every test has ended, before the report is made. */
  readonly onResults?: (results: readonly ProfileOutcomes[]) => void;
  /** Called once for each test as it ends; for those that do not run, when they are registered. */
  readonly onOutcome?: (outcome: Outcome) => void;
}
