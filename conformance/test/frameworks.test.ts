// One suite, whatever runs it: each framework in a process of its own, and their reports must be the same.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '@overlay/conformance';
import { parseReport } from '@overlay/conformance';

const FOLDER = fileURLToPath(new URL('../test/frameworks/', import.meta.url));
const require = createRequire(import.meta.url);
const program = (name: string, file: string): string =>
  path.join(path.dirname(require.resolve(`${name}/package.json`)), file);
const own = (file: string): string => path.join(FOLDER, file);

const FRAMEWORKS: Readonly<Record<string, readonly string[]>> = {
  'node:test': ['--test', own('node-test.mjs')],
  jest: [
    ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', program('jest', 'bin/jest.js')],
    ...[
      '--rootDir',
      FOLDER,
      '--testMatch',
      '**/jest.mjs',
      '--config',
      '{"transform":{},"moduleFileExtensions":["js","mjs","cjs","json"]}',
    ],
  ],
  vitest: [own('run-vitest.mjs'), own('vitest.mjs')],
  mocha: [program('mocha', 'bin/mocha.js'), own('mocha.mjs')],
};
const LIMIT_MS = 240_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'overlay-frameworks-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly report: Omit<Report, 'date'>;
}

async function ran(framework: string, mode: string): Promise<Ran> {
  const file = path.join(folder, `${framework.replace(':', '-')}-${mode}.yaml`);
  const env: NodeJS.ProcessEnv = { ...process.env, OVERLAY_MODE: mode, OVERLAY_REPORT: file };
  // Set by jest and node:test for their own children, and would change what these print and how they end.
  for (const name of ['NODE_TEST_CONTEXT', 'JEST_WORKER_ID', 'NODE_OPTIONS', 'NODE_ENV']) delete env[name];
  const child = spawn(process.execPath, FRAMEWORKS[framework], { env, stdio: ['ignore', 'pipe', 'pipe'], cwd: FOLDER });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new Error(`${framework} ended with ${code} and made no report; it said:\n${said}`);
  }
  const { date: _, ...report } = parseReport(text, file);
  return { code, report };
}

test.each(Object.keys(FRAMEWORKS))(
  'a good backend is found to be good by %s, and a bad one to be bad, as by all others',
  async (framework) => {
    const [good, bad] = [await ran(framework, 'default'), await ran(framework, 'broken')];
    expect(good.code).toBe(0);
    expect(good.report.profiles.map(({ core }) => core.result)).toEqual(['success']);
    expect(bad.code).not.toBe(0);
    const failed = bad.report.profiles[0].core.tests.filter(({ result }) => result === 'failed');
    expect(failed.map(({ id }) => id)).toContain('peer-removed');
    expect([...seen.values()].map((other) => outcomes(other))).toEqual(
      [...seen.values()].map(() => outcomes({ good, bad })),
    );
    seen.set(framework, { good, bad });
  },
  LIMIT_MS,
);

interface Both {
  readonly good: Ran;
  readonly bad: Ran;
}

/** What the frameworks before have found. */
const seen = new Map<string, Both>();

/** All of a good run, and of a bad one how its tests ended: in what words, the framework's assertions have a say. */
function outcomes({ good, bad }: Both): unknown {
  const results = bad.report.profiles.flatMap(({ core, extended }) => [...core.tests, ...extended.tests]);
  return { good: good.report, bad: results.map(({ id, result }) => `${id} ${result}`) };
}
