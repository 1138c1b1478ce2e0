// `npm run conformance:reports`: runs the suite against every backend and subnet manager of this repository, and puts the
// reports where they are kept, conformance/reports/VERSION/SUBJECT/MODE-report.yaml. Needs a build, and root for the backends.
// Only a success is kept: a run that fails, or could not run everything here, leaves the report as it was.
//
//   npm run conformance:reports -- [--short] [--check] [SUBJECT...]
//
// Arguments name subjects, all unless told: `vxlan`, `memory`. `--check` keeps nothing, and fails when a test ended otherwise
// than in the report that is kept. `--short` takes the profiles that are soon through, and no server is started for it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const conformance = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'conformance');
const subjects = path.join(conformance, 'test-dist', 'subjects');
const packages = path.resolve(conformance, '..', 'packages');
const command = path.join(conformance, 'dist', 'command', 'main.js');
const load = (file) => import(pathToFileURL(file).href);

const { diffReports, parseReport, VERSIONS } = await load(path.join(conformance, 'dist', 'index.js'));
const { reportFile } = await load(path.join(subjects, 'report-file.js'));
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
if (options.short && !options.check)
  throw new Error('--short makes a part of a report, which is not kept: say --check too');
/** On the kernel hosts are made for each test; these profiles have few. */
const SHORT = ['Interop', 'Security'];

/** What is tested beside others in the suite's own folder, and in that of a package which brings the server for it. */
function modules() {
  const own = readdirSync(subjects)
    .filter((name) => name.endsWith('.js'))
    .map((name) => ({
      subject: path.basename(name, '.js'),
      file: path.join(subjects, name),
    }));
  const brought = readdirSync(packages)
    .map((name) => ({
      subject: name,
      file: path.join(packages, name, 'test-dist', 'conformance.js'),
    }))
    .filter(({ file }) => existsSync(file));
  return options.short ? own : [...own, ...brought];
}

/** What differs from the report that is kept, in the profiles that were run; where that was does not count. */
function changes(made, kept) {
  const [now, before] = [made, kept].map((file) => parseReport(readFileSync(file, 'utf8'), file));
  const names = new Set(now.profiles.map(({ name }) => name));
  const part = {
    ...before,
    profiles: before.profiles.filter(({ name }) => names.has(name)),
  };
  return diffReports(part, now).filter((line) => !line.startsWith('environment.'));
}

/** Runs the suite against one, and gives what is wrong with that. */
function run({ subject, file, mode, profiles }, folder) {
  const kept = path.join(conformance, reportFile(VERSIONS.core, subject, mode));
  const report = path.join(folder, 'report.yaml');
  const chosen = profiles ? ['--profile', profiles.join(',')] : [];
  const args = ['--module', file, '--mode', mode, '--report', report, ...chosen];
  process.stdout.write(`\n== ${subject}, ${mode}\n`);
  const { status } = spawnSync(process.execPath, [command, ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) return [`exit code ${status}; ${kept} is left as it was`];
  if (options.check) return changes(report, kept);
  mkdirSync(path.dirname(kept), { recursive: true });
  // From a folder beside it, so that there is one file system and never half a report.
  renameSync(report, kept);
  return [];
}

const results = [];
const folder = mkdtempSync(path.join(options.check ? os.tmpdir() : conformance, '.overlay-reports-'));
try {
  for (const { subject, file } of modules()) {
    if (wanted.length > 0 && !wanted.includes(subject)) continue;
    const { conformance: found, profiles } = await load(file);
    if (found === undefined) continue;
    for (const { mode = 'default', environment } of found) {
      const few = options.short && environment.name === 'kernel' ? SHORT : profiles;
      results.push({
        subject,
        mode,
        wrong: run({ subject, file, mode, profiles: few }, folder),
      });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write('\n');
for (const { subject, mode, wrong } of results) {
  process.stdout.write(`${subject} ${mode}: ${wrong.length === 0 ? 'as it should be' : wrong.join('\n  ')}\n`);
}
if (results.length === 0)
  process.stderr.write(`no subject ${wanted.join(', ')} in ${subjects} or test-dist/conformance.js of a package\n`);
if (results.length === 0 || results.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
