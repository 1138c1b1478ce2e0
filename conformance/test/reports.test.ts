// The reports that are kept: each is of something that there is, and a success.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { parseReport, VERSIONS } from '@overlay/conformance';
import { reportFile } from './subjects/report-file.js';

const CONFORMANCE = fileURLToPath(new URL('../', import.meta.url));
const PACKAGES = path.join(CONFORMANCE, '../packages');
const SUBJECTS = fileURLToPath(new URL('./subjects/', import.meta.url));

const kept = readdirSync(path.join(CONFORMANCE, 'reports'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => path.join('reports', file));

/** Modules that export what is to be tested, with the name of the subject. */
function modules(): readonly (readonly [subject: string, file: string])[] {
  const own = readdirSync(SUBJECTS)
    .filter((file) => file.endsWith('.js'))
    .map((file) => [path.basename(file, '.js'), path.join(SUBJECTS, file)] as const);
  const brought = readdirSync(PACKAGES)
    .filter((name) => readdirSync(path.join(PACKAGES, name)).includes('test'))
    .filter((name) => readdirSync(path.join(PACKAGES, name, 'test')).includes('conformance.ts'))
    .map((name) => [name, path.join(PACKAGES, name, 'test-dist/conformance.js')] as const);
  return [...own, ...brought];
}

test('each subject has one for each of its modes, and nothing else has', async () => {
  const wanted: string[] = [];
  for (const [subject, file] of modules()) {
    const { conformance = [] } = (await import(pathToFileURL(file).href)) as {
      readonly conformance?: readonly { readonly mode?: string }[];
    };
    for (const { mode = 'default' } of conformance) wanted.push(reportFile(VERSIONS.core, subject, mode));
  }
  expect(wanted.length).toBeGreaterThan(8);
  expect([...kept].sort()).toEqual(wanted.sort());
});

test.each(kept)('%s is a success in every profile that applies', (file) => {
  const { profiles } = parseReport(readFileSync(path.join(CONFORMANCE, file), 'utf8'), file);
  const sets = profiles.flatMap(({ name, core, extended }) => [
    [name, 'core', core.result],
    [name, 'extended', extended.result],
  ]);
  expect(sets.filter(([, , result]) => result !== 'success' && result !== 'none')).toEqual([]);
  expect(sets.some(([, , result]) => result === 'success')).toBe(true);
});
