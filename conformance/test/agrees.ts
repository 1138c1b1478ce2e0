import { afterAll, expect } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { Report, RunOptions } from '@overlay/conformance';
import { diffReports, parseReport, VERSIONS } from '@overlay/conformance';
import { reportFile } from './subjects/report-file.js';

/**
 * Options with which a run must end as the report says that is kept of it, test by test. `npm run conformance:reports`
 * makes the reports anew; what has changed in them is then to be looked at.
 */
export function agreesWithReport(file: string, mode = 'default'): Pick<RunOptions, 'report'> {
  let made: Report | undefined;
  afterAll(() => {
    const kept = new URL(`../${reportFile(VERSIONS.core, file, mode)}`, import.meta.url);
    const report = parseReport(readFileSync(kept, 'utf8'), kept.pathname);
    expect(made).toBeDefined();
    // Where it ran is another matter.
    const changed = diffReports(report, made as Report).filter((line) => !line.startsWith('environment.'));
    expect(changed).toEqual([]);
  });
  return { report: { onReport: (report) => (made = report) } };
}
