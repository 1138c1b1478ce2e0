import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Report } from './report.js';

/** A report as YAML, the same text for the same report. */
export function formatReport(report: Report): string {
  return stringify(report, { lineWidth: 0 });
}

/** Writes a report as YAML, with the folders above it. */
export async function writeReport(file: string, report: Report): Promise<void> {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, formatReport(report));
}
