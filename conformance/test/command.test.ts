import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { conformanceCommand, formatReport, parseReport } from '@overlay/conformance';
import { parse } from 'yaml';

const MODULE = fileURLToPath(new URL('./fixtures/memory-subject.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/command/main.js', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'overlay-conformance-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Text extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], signal?: AbortSignal): Promise<Ran> {
  const [stdout, stderr] = [new Text(), new Text()];
  const code = await conformanceCommand(argv, { stdout, stderr, ...(signal ? { signal } : {}) });
  return { code, out: stdout.text, err: stderr.text };
}

/** Writes a module into the folder and gives its path. */
function module(name: string, text: string): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

describe('a run', () => {
  test('tells how it goes, ends with a summary, and writes a report and JUnit XML', async () => {
    const [report, junit] = [path.join(folder, 'made/report.yaml'), path.join(folder, 'junit.xml')];
    const files = ['--report', report, '--junit', junit];
    const { code, out, err } = await run(['--module', MODULE, '--mode', 'default', '--profile', 'core', ...files]);
    expect(err).toMatch(/^ok {2} +1\/\d+ declares: /m);
    expect(out).toMatch(/^Core +core +success +\d+ passed/m);
    expect(out).toMatch(/result: success\n$/);
    expect(code).toBe(0);
    const made = parseReport(readFileSync(report, 'utf8'), report);
    expect(made).toMatchObject({ subject: 'backend', mode: 'default', environment: { name: 'memory' } });
    expect(made.implementation.project).toBe('memory under test');
    expect(made.profiles.map(({ name, core }) => [name, core.result])).toEqual([['Core', 'success']]);
    const ids = made.profiles[0].core.tests.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(parse(formatReport(made))).toEqual(made);
    expect(readFileSync(junit, 'utf8')).toMatch(/<testsuite name="Core" tests="\d+" failures="0" /);
  });

  test('of a backend that is wrong names the test and exits with 1', async () => {
    const junit = path.join(folder, 'failed.xml');
    const args = ['--module', MODULE, '--mode', 'broken', '--profile', 'core', '--junit', junit];
    const { code, out, err } = await run(args);
    expect(err).toMatch(/^FAIL +\d+\/\d+ peer-removed: /m);
    expect(out).toMatch(/^failed: peer-removed/m);
    expect(out).toMatch(/result: failure\n$/);
    expect(code).toBe(1);
    expect(readFileSync(junit, 'utf8')).toMatch(/<testcase name="peer-removed: [^>]*><failure message="[^"]+">/);
  });

  test('in which something could not run is partial, and exits with 3', async () => {
    const blocked = await run(['--module', MODULE, '--mode', 'default', '--profile', 'Performance']);
    expect(blocked.out).toMatch(/^blocked: throughput-share\n {2}needs a real kernel/m);
    expect(blocked.out).toMatch(/result: partial\n$/);
    expect(blocked.code).toBe(3);
    const chosen = await run(['--module', MODULE, '--mode', 'default', '--profile', 'core', '--test', 'declares']);
    expect(chosen.out).toMatch(/^Core +core +partial +1 passed, \d+ skipped/m);
    expect(chosen.code).toBe(3);
  });

  test('that is told to stop says so: what has not run is skipped, and it exits with 130', async () => {
    const stop = new AbortController();
    stop.abort();
    const { code, out } = await run(['--module', MODULE, '--mode', 'default', '--profile', 'core'], stop.signal);
    expect(out).toMatch(/^Core +core +partial +\d+ skipped/m);
    expect(code).toBe(130);
  });

  test('that is told to stop while its module still waits ends at once', async () => {
    const stop = new AbortController();
    const hangs = module('hangs.mjs', 'globalThis.loading?.(); await new Promise(() => undefined);');
    Object.assign(globalThis, { loading: () => stop.abort() });
    expect(await run(['--module', hangs], stop.signal)).toEqual({
      code: 130,
      out: '',
      err: 'overlay-conformance: loading the module: stopped before it was done\n',
    });
  });

  test('of a subnet manager works alike', async () => {
    const subject = fileURLToPath(new URL('./subjects/static.js', import.meta.url));
    const { code, out } = await run(['--module', subject, '--profile', 'core']);
    expect(out).toMatch(/^Core +core +success/m);
    expect(code).toBe(0);
  });

  test('can be shown without running anything', async () => {
    const { code, out } = await run(['--module', MODULE, '--mode', 'default', 'list']);
    expect(out).toMatch(/^Core: hosts are joined/m);
    expect(out).toMatch(/^ {4}join-routed-refused: .* \(supports crossesSubnets\)$/m);
    expect(out).toMatch(/^ {4}full-size-tcp-udp: .* \(needs a real kernel/m);
    expect(code).toBe(0);
  });
});

test('an error that nobody handles fails the test under way, and a timer of the module does not keep the program', async () => {
  const text = `import { conformance as all } from ${JSON.stringify(MODULE)};
const [good] = all;
setInterval(() => undefined, 1000);
const factory = (kernel) => {
  void Promise.reject(new Error('lost on the way'));
  return good.factory(kernel);
};
export const conformance = { ...good, factory };`;
  const args = ['--module', module('stray.mjs', text), '--profile', 'core', '--test', 'declares,open-aborted'];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(out).toMatch(/^failed: declares, open-aborted\n {2}errors that nobody has handled: lost on the way/m);
  expect(code).toBe(1);
}, 60_000);

describe('what is wrong gets one line, and 2:', () => {
  const wrong: readonly (readonly [what: string, argv: () => readonly string[], line: RegExp])[] = [
    ['no module', () => [], /required option '--module <file>' not specified/],
    ['an unknown flag', () => ['--module', MODULE, '--moduel'], /unknown option '--moduel'/],
    ['a file that is not there', () => ['--module', './none.js'], /--module \.\/none\.js: there is no such file/],
    ['a package that is not there', () => ['--module', '@acme/none'], /@acme\/none: .* no such package is installed/],
    ['a module without the export', () => ['--module', module('empty.mjs', '')], /expected an export `conformance`/],
    [
      'an export of another sort',
      () => ['--module', module('other.mjs', 'export const conformance = { factory: 1 };')],
      /expected a backend \(members `factory` and `environment`\) or a subnet manager/,
    ],
    ['a module that throws', () => ['--module', module('throws.mjs', 'throw new Error("dear me")')], /dear me/],
    ['no mode of several', () => ['--module', MODULE], /it has several modes; name one of default, broken with --mode/],
    ['another mode', () => ['--module', MODULE, '--mode', 'x'], /--mode: expected one of default, broken, got "x"/],
    [
      'an unknown profile',
      () => ['--module', MODULE, '--mode', 'default', '--profile', 'Core,Hearing'],
      /expected some of Core, .*, got "Hearing"/,
    ],
    [
      'an unknown test',
      () => ['--module', MODULE, '--mode', 'default', '--test', 'join-ipv5'],
      /expected the id of a test .*, got "join-ipv5"/,
    ],
    [
      'a report where none can be written',
      () => ['--module', MODULE, '--mode', 'default', '--report', '/proc/overlay/report.yaml'],
      /--report \/proc\/overlay\/report\.yaml: it cannot be written: .*ENOENT/,
    ],
    [
      'results in the place of a folder',
      () => ['--module', MODULE, '--mode', 'default', '--junit', folder],
      /--junit .*: it cannot be written: .*EISDIR/,
    ],
    ['a report that is none', () => ['diff', MODULE, MODULE], /not YAML|apiVersion: expected/],
    ['one report', () => ['diff', MODULE], /missing required argument 'after'/],
  ];

  test.each(wrong)('%s', async (_what, argv, line) => {
    const { code, out, err } = await run(argv());
    expect(err).toMatch(/^overlay-conformance: [^\n]+\n$/);
    expect(err).toMatch(line);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  test('a report of somebody who is not named', async () => {
    const subject = `import { conformance as [one] } from ${JSON.stringify(MODULE)};`.replace('as [one]', 'as all');
    const text = `${subject}\nconst { implementation, ...rest } = all[0];\nexport const conformance = rest;`;
    module('unnamed/package.json', '{"name":"@acme/backend","version":"main","homepage":"https://acme.example"}');
    const file = module('unnamed/index.mjs', text);
    const args = ['--module', file, '--test', 'declares', '--report', path.join(folder, 'none.yaml')];
    const { code, err } = await run(args);
    expect(err).toMatch(/implementation\.version: expected a version or a commit, not a branch, got "main"/);
    expect(code).toBe(2);
  });
});

test('what is not said of the makers is read from the package that the module is in', async () => {
  const text = `import { conformance as all } from ${JSON.stringify(MODULE)};
const { implementation, ...rest } = all[0];
export const conformance = rest;`;
  const facts = {
    ...{ name: '@acme/overlay-backend-foo', version: '2.1.0', author: 'Jo Smith <jo@acme.example>' },
    ...{ repository: { url: 'git+https://acme.example/foo.git' }, bugs: { url: 'https://acme.example/bugs' } },
  };
  module('named/package.json', JSON.stringify(facts));
  const report = path.join(folder, 'named.yaml');
  await run(['--module', module('named/lib/index.mjs', text), '--test', 'declares', '--report', report]);
  expect(parseReport(readFileSync(report, 'utf8'), report).implementation).toEqual({
    organization: 'Jo Smith',
    project: '@acme/overlay-backend-foo',
    url: 'https://acme.example/foo',
    version: '2.1.0',
    contact: ['https://acme.example/bugs', 'jo@acme.example'],
  });
});

describe('diff', () => {
  test('says nothing of two runs that went alike, and what changed otherwise', async () => {
    const [good, bad] = [path.join(folder, 'good.yaml'), path.join(folder, 'bad.yaml')];
    const core = ['--profile', 'core', '--report'];
    await run(['--module', MODULE, '--mode', 'default', ...core, good]);
    await run(['--module', MODULE, '--mode', 'broken', ...core, bad]);
    const later = path.join(folder, 'later.yaml');
    const report = parseReport(readFileSync(good, 'utf8'), good);
    writeFileSync(later, formatReport({ ...report, date: '2031-01-01T00:00:00Z' }));
    expect(await run(['diff', good, later])).toEqual({ code: 0, out: '', err: '' });
    const { code, out } = await run(['diff', good, bad]);
    expect(out).toMatch(/^mode: default -> broken$/m);
    expect(out).toMatch(/^Core core peer-removed: passed -> failed \(.+\)$/m);
    expect(code).toBe(1);
  });
});

describe('a report is refused that', () => {
  const refused: readonly (readonly [what: string, text: string, line: RegExp])[] = [
    ['is no YAML', '"', /x\.yaml: not YAML/],
    [
      'is of another version',
      'apiVersion: conformance.overlay/v9',
      /expected conformance\.overlay\/v1, got "conf.*v9"/,
    ],
    ['lacks something', 'apiVersion: conformance.overlay/v1', /must have required property/],
  ];
  test.each(refused)('%s', (_what, text, line) => {
    expect(() => parseReport(text, 'x.yaml')).toThrow(
      expect.objectContaining({ code: 'OVERLAY_REPORT_INVALID', message: expect.stringMatching(line) }),
    );
  });
});
