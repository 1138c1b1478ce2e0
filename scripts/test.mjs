// `npm test`: system packages and build, then jest twice: the unit tests, and the kernel tests (`*.kernel.test.ts`), which
// make network namespaces and need root. Arguments that are not listed here go to jest.
//
//   --unit, --kernel   only these
//   --no-build         what is built is up to date (as in CI, which builds once)
//   --prefix=TEXT      put before the name of each run, so that runs on several versions of Node stay apart
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { report, summarise } from './test-results.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const results = path.join(root, '.cache', 'test-results');
const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');

const limitMinutes = { unit: 15, kernel: 50 };
/** How long jest may live on once its report is written, in milliseconds; longer means that something was left open. */
const exitGraceMs = 10_000;
const lookEveryMs = 200;

const args = process.argv.slice(2);
const take = (flag) => {
  const at = args.indexOf(flag);
  if (at >= 0) args.splice(at, 1);
  return at >= 0;
};
const takeValue = (flag) => {
  const at = args.findIndex((arg) => arg.startsWith(`${flag}=`));
  return at >= 0 ? args.splice(at, 1)[0].slice(flag.length + 1) : undefined;
};
const onlyUnit = take('--unit');
const onlyKernel = take('--kernel');
const noBuild = take('--no-build');
const prefix = takeValue('--prefix') ?? '';

/** Why kernel tests cannot run here, or undefined. */
function kernelObstacle() {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid() !== 0) return 'needs root, to make network namespaces';
  const tried = spawnSync('unshare', ['--net', 'true'], { stdio: 'ignore', timeout: 10_000 });
  if (tried.status !== 0) return 'no permission to make a network namespace (CAP_SYS_ADMIN)';
  return undefined;
}

/** Network namespaces of tests (`ovt-PID-…`) whose process is gone. */
function orphanedNamespaces() {
  const folder = '/run/netns';
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => {
    const pid = /^ovt-(\d+)-/.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}

/** Removes network namespaces of tests whose process was killed: the next run must not find them in its way. */
function sweepNamespaces() {
  for (const name of orphanedNamespaces())
    spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore', timeout: 10_000 });
}

/** Runs jest to its end and returns its report; an unfinished run, or one that does not let go, is a failure in it. */
async function runJest(run, jestArgs) {
  const output = path.join(results, `${prefix}${run}.jest.json`);
  rmSync(output, { force: true });
  const nodeArgs = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest];
  const child = spawn(
    process.execPath,
    [...nodeArgs, '--json', `--outputFile=${output}`, '--passWithNoTests', ...jestArgs],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  process.on('SIGHUP', passOn);

  const started = Date.now();
  let writtenAt;
  let trouble;
  const stop = (why) => {
    if (trouble === undefined) child.kill('SIGTERM');
    else child.kill('SIGKILL');
    trouble ??= why;
  };
  let stopAgainAt = Infinity;
  const watch = setInterval(() => {
    const now = Date.now();
    writtenAt ??= existsSync(output) ? now : undefined;
    const held = writtenAt !== undefined && now - writtenAt > exitGraceMs;
    const late = now - started > limitMinutes[run] * 60_000;
    if ((held || late) && (trouble === undefined || now > stopAgainAt)) {
      stop(
        held
          ? 'jest did not end by itself: a test left something open (find it with --detectOpenHandles)'
          : `not finished after ${limitMinutes[run]} minutes`,
      );
      stopAgainAt = now + exitGraceMs;
    }
  }, lookEveryMs);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  }).finally(() => {
    clearInterval(watch);
    process.off('SIGTERM', passOn);
    process.off('SIGHUP', passOn);
  });

  const jestReport = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : { testResults: [] };
  if (trouble === undefined && code !== 0 && !jestReport.testResults.some((file) => file.status === 'failed')) {
    trouble = `jest ended with exit code ${code}`;
  }
  return { jestReport, trouble };
}

async function runTests(run, skipReason) {
  const kernel = run === 'kernel';
  const others = kernel ? '^(?!.*\\.kernel\\.test\\.m?js$)' : '\\.kernel\\.test\\.m?js$';
  const { jestReport, trouble } = await runJest(run, [
    ...args,
    // One at a time: they share the kernel's RTNL lock, some of them measure time, and in one process whatever a test
    // leaves open keeps that process from ending. No name matches `$^`: jest then names the tests without running any.
    ...(kernel ? ['--runInBand'] : []),
    ...(skipReason === undefined ? [] : ['--testNamePattern=$^']),
    `--testPathIgnorePatterns=${others}`,
  ]);
  const summary = summarise(`${prefix}${run}`, skipReason, jestReport, root);
  if (trouble !== undefined) summary.failed.push(trouble);
  return summary;
}

const obstacle = kernelObstacle();
const runs = [...(onlyKernel ? [] : ['unit']), ...(onlyUnit ? [] : ['kernel'])];
const needsKernel = runs.includes('kernel') && obstacle === undefined;
if (!noBuild && !prepare(root, ['build', ...(needsKernel ? ['kernel'] : [])])) process.exit(1);
// Tests that miss their server say so themselves, and in CI they fail.
if (!noBuild) ensureSystemPackages(['stores']);

mkdirSync(results, { recursive: true });
if (needsKernel) sweepNamespaces();
const orphansBefore = new Set(orphanedNamespaces());
const summaries = [];
for (const run of runs) {
  const summary = await runTests(run, run === 'kernel' ? obstacle : undefined);
  if (run === 'kernel') {
    const left = orphanedNamespaces().filter((name) => !orphansBefore.has(name));
    summary.failed.push(...left.map((name) => `network namespace ${name} was left behind`));
    if (needsKernel) sweepNamespaces();
  }
  writeFileSync(path.join(results, `${prefix}${run}.json`), `${JSON.stringify(summary, null, 2)}\n`);
  summaries.push(summary);
}
if (!report(summaries, (line) => process.stdout.write(line))) process.exitCode = 1;
