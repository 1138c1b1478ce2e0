import { fileURLToPath } from 'node:url';
import type { RunOptions } from '@overlay/conformance';
import { VERSIONS } from '@overlay/conformance';
import { reportFile } from './subjects/report-file.js';

/**
 * Options with which a run must end as the report says that is kept of it, test by test. `npm run conformance:reports`
 * makes the reports anew; what has changed in them is then to be looked at.
 */
export function agreesWithReport(file: string, mode = 'default'): Pick<RunOptions, 'report'> {
  const kept = new URL(`../${reportFile(VERSIONS.core, file, mode)}`, import.meta.url);
  return { report: { agreesWith: fileURLToPath(kept) } };
}
