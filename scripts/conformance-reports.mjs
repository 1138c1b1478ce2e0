// `npm run conformance:reports`: runs the suite against every backend and subnet manager of this repository, and puts the
// reports where they are kept, conformance/reports/VERSION/SUBJECT/MODE-report.yaml. Needs a build, and root for the backends.
// Arguments name subjects, all unless told: `vxlan`, `memory`.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const conformance = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'conformance');
const subjects = path.join(conformance, 'test-dist', 'subjects');
const command = path.join(conformance, 'dist', 'command', 'main.js');
const load = (file) => import(pathToFileURL(file).href);

const { VERSIONS } = await load(path.join(conformance, 'dist', 'index.js'));
const { reportFile } = await load(path.join(subjects, 'report-file.js'));
const wanted = process.argv.slice(2);
const results = [];
for (const file of readdirSync(subjects).filter((name) => name.endsWith('.js'))) {
  const subject = path.basename(file, '.js');
  const { conformance: found } = await load(path.join(subjects, file));
  if (found === undefined || (wanted.length > 0 && !wanted.includes(subject))) continue;
  for (const { mode = 'default' } of found) {
    const report = path.join(conformance, reportFile(VERSIONS.core, subject, mode));
    const args = ['--module', path.join(subjects, file), '--mode', mode, '--report', report];
    process.stdout.write(`\n== ${subject}, ${mode}\n`);
    const { status } = spawnSync(process.execPath, [command, ...args], { stdio: 'inherit' });
    results.push({ subject, mode, status });
  }
}
process.stdout.write('\n');
for (const { subject, mode, status } of results) process.stdout.write(`${subject} ${mode}: exit code ${status}\n`);
if (results.length === 0) process.stderr.write(`no subject ${wanted.join(', ')} in ${subjects}\n`);
// 3 is partial: some environments cannot run everything.
if (results.length === 0 || results.some(({ status }) => status !== 0 && status !== 3)) process.exitCode = 1;
