// README.md promises that the README of each package has its error codes: each that a package's source gives an error has to
// stand there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { workspaces } from './workspaces.mjs';

const root = path.resolve(import.meta.dirname, '..');
/** Variables of the environment, which begin alike. */
const VARIABLES = new Set(['OVERLAY_LAB_KUBERNETES']);
/** Only looked at in a test of the suite, or passed on: whoever throws them explains them. */
const PASSED_ON = { conformance: ['OVERLAY_ABORTED', 'OVERLAY_CLOSED', 'OVERLAY_NOT_SUPPORTED', 'OVERLAY_RANGE_FULL'] };

const packages = workspaces(root)
  .map(({ folder }) => folder)
  .filter((folder) => !folder.includes('/examples/') && existsSync(path.join(folder, 'src')));

test.each(packages.map((folder) => [path.relative(root, folder), folder]))(
  'the README of %s has every code of its errors',
  (name, folder) => {
    const source = readdirSync(path.join(folder, 'src'), { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(path.join(folder, 'src', file), 'utf8'));
    const used = new Set(source.flatMap((text) => text.match(/(?<=')OVERLAY_[A-Z0-9]+(_[A-Z0-9]+)*(?=')/g) ?? []));
    const ignored = new Set([...VARIABLES, ...(PASSED_ON[name] ?? [])]);
    const told = new Set(readFileSync(path.join(folder, 'README.md'), 'utf8').match(/OVERLAY_[A-Z0-9_]+/g));
    expect([...used].filter((code) => !ignored.has(code) && !told.has(code)).sort()).toEqual([]);
  },
);

test('there is something to compare', () => expect(packages.length).toBeGreaterThan(8));
