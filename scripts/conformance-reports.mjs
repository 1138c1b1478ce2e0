// `npm run conformance:reports`: runs the suite against every backend and subnet manager of this repository, and puts the
// reports where they are kept, conformance/reports/VERSION/SUBJECT/MODE-report.yaml. Needs a build, and root for the backends.
// Arguments name subjects, all unless told: `vxlan`, `memory`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const conformance = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'conformance');
const subjects = path.join(conformance, 'test-dist', 'subjects');
const packages = path.resolve(conformance, '..', 'packages');
const command = path.join(conformance, 'dist', 'command', 'main.js');
const load = (file) => import(pathToFileURL(file).href);

const { VERSIONS } = await load(path.join(conformance, 'dist', 'index.js'));
const { reportFile } = await load(path.join(subjects, 'report-file.js'));
const wanted = process.argv.slice(2);

/** What is tested beside others in the suite's own folder, and in that of a package which brings the server for it. */
function modules() {
  const own = readdirSync(subjects)
    .filter((name) => name.endsWith('.js'))
    .map((name) => ({ subject: path.basename(name, '.js'), file: path.join(subjects, name) }));
  const brought = readdirSync(packages)
    .map((name) => ({ subject: name, file: path.join(packages, name, 'test-dist', 'conformance.js') }))
    .filter(({ file }) => existsSync(file));
  return [...own, ...brought];
}

const results = [];
for (const { subject, file } of modules()) {
  if (wanted.length > 0 && !wanted.includes(subject)) continue;
  const { conformance: found } = await load(file);
  if (found === undefined) continue;
  for (const { mode = 'default' } of found) {
    const report = path.join(conformance, reportFile(VERSIONS.core, subject, mode));
    const args = ['--module', file, '--mode', mode, '--report', report];
    process.stdout.write(`\n== ${subject}, ${mode}\n`);
    const { status } = spawnSync(process.execPath, [command, ...args], { stdio: 'inherit' });
    results.push({ subject, mode, status });
  }
}
process.stdout.write('\n');
for (const { subject, mode, status } of results) process.stdout.write(`${subject} ${mode}: exit code ${status}\n`);
if (results.length === 0)
  process.stderr.write(`no subject ${wanted.join(', ')} in ${subjects} or test-dist/conformance.js of a package\n`);
// 3 is partial: some environments cannot run everything.
if (results.length === 0 || results.some(({ status }) => status !== 0 && status !== 3)) process.exitCode = 1;
