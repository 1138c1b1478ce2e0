import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Report } from './report.js';

/** A report as YAML, the same text for the same report. */
export function formatReport(report: Report): string {
  return stringify(report, { lineWidth: 0 });
}

/** Makes the folders above a file. (Node's own way never ends where none can be made, as in /proc.) */
export async function makeFoldersAbove(file: string): Promise<void> {
  const folder = path.dirname(path.resolve(file));
  if (existsSync(folder)) return;
  await makeFoldersAbove(folder);
  await mkdir(folder);
}

/** Writes a report as YAML, with the folders above it. */
export async function writeReport(file: string, report: Report): Promise<void> {
  await makeFoldersAbove(file);
  await writeFile(file, formatReport(report));
}
