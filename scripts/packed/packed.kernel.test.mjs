// What the guides and the examples say, done as a user does it: in an empty folder outside the repository, with the packages
// packed and installed by npm under their own names.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { followGuide, guideSteps, runCommands } from './guide.mjs';
import { PackedRegistry } from './registry.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const read = (...parts) => readFileSync(path.join(root, ...parts), 'utf8');
const timeoutMs = 280_000;
const LIMIT_MS = 300_000;

let registry;
let cwd;

beforeAll(async () => {
  registry = await PackedRegistry.open(root);
}, 120_000);
afterAll(() => registry?.close());
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'overlay-user-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const run = (commands) => runCommands(commands, { cwd, env: registry.environment, timeoutMs });
const follow = (guide) => followGuide(read('docs', guide), { cwd, env: registry.environment, timeoutMs });

/** What of a report does not depend on who ran it, when and where. */
const results = (yaml) => yaml.slice(yaml.indexOf('\nfeatures:'));

/** The files that a guide has its reader write, each as the example has it. */
function expectFilesOf(guide, example) {
  const files = guideSteps(read('docs', guide)).filter(({ kind, file }) => kind === 'file' && file.startsWith('src/'));
  expect(files.length).toBeGreaterThan(0);
  for (const { file, text } of files) expect({ file, text }).toEqual({ file, text: read('examples', example, file) });
}

describe('docs/writing-a-backend.md', () => {
  test(
    'followed to the letter gives a package that passes every profile',
    async () => {
      const { files, commands } = await follow('writing-a-backend.md');
      expect({ files, commands }).toEqual({ files: 4, commands: 3 });
      const report = readFileSync(path.join(cwd, 'report.yaml'), 'utf8');
      expect(report).toContain('project: "@acme/overlay-backend-macvlan"');
      expect(results(report)).toBe(results(read('examples/custom-backend/report.yaml')));
      // It is on the registry, with its report, for whoever wants it.
      const found = await run(
        'mkdir user; cd user; npm init -y; npm install @acme/overlay-backend-macvlan; ls node_modules/@acme/*',
      );
      expect(found).toContain('report.yaml');
    },
    LIMIT_MS,
  );

  test('has the files of the example, of at most 100 lines', () => {
    expectFilesOf('writing-a-backend.md', 'custom-backend');
    expect(read('examples/custom-backend/src/macvlan.ts').trimEnd().split('\n').length).toBeLessThanOrEqual(100);
  });
});
