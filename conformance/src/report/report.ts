import type { ProfileSet } from '../suite/profile.js';
import type { Counts, Verdict } from '../suite/tally.js';
import type { Result } from '../suite/test-record.js';
import type { Implementation } from './implementation.js';

/** The version of the document's form. Readers refuse another one. */
export const REPORT_API_VERSION = 'conformance.overlay/v1';

/** What a run of the suite found. Everything in it is sorted, so that two of them can be compared line by line. */
export interface Report {
  readonly apiVersion: typeof REPORT_API_VERSION;
  readonly kind: 'ConformanceReport';
  /** What was tested. */
  readonly subject: 'backend' | 'subnetManager';
  readonly implementation: Implementation;
  /** Which of the ways to configure it was tested: `default`, `direct-routing`. */
  readonly mode: string;
  /** When, in UTC: RFC 3339. */
  readonly date: string;
  /** Of `@overlay/conformance` and of `@overlay/core`. */
  readonly versions: { readonly suite: string; readonly core: string };
  readonly environment: {
    /** `kernel`, `memory`; for subnet managers what they say themselves. */
    readonly name: string;
    readonly node: string;
    readonly platform: string;
    /** The kernel's release, where it matters. */
    readonly kernel?: string;
  };
  /** What the implementation says that it can do, and what it cannot. Sorted. */
  readonly features: { readonly supported: readonly string[]; readonly unsupported: readonly string[] };
  /** The profiles that were run, in the suite's own order. */
  readonly profiles: readonly ReportedProfile[];
}

export interface ReportedProfile {
  readonly name: string;
  readonly core: ReportedSet;
  readonly extended: ReportedSet;
}

/** How one part of a profile went. */
export interface ReportedSet {
  readonly result: Verdict;
  readonly counts: Counts;
  /** Sorted by id. */
  readonly tests: readonly ReportedTest[];
}

export interface ReportedTest {
  readonly id: string;
  readonly result: Result;
  /** Why, in one line, unless it passed. */
  readonly reason?: string;
}

/** The two parts of a profile in the order in which they are shown. */
export const PROFILE_SETS: readonly ProfileSet[] = ['core', 'extended'];
