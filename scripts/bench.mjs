// `npm run bench`: brings what is needed up to date, then runs the benchmarks of @overlay/conformance on the backend that
// --backend names, or the benchmark of a store. What they have to know of each backend is in scripts/bench/subjects/;
// those of stores are in scripts/bench/stores/.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundleMeasured } from './bench/bundle.mjs';
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

const scripts = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(scripts, '..');
const backends = readdirSync(path.join(scripts, 'bench', 'subjects')).map((file) => path.basename(file, '.mjs'));

/** Takes `--backend NAME` or `--backend=NAME` out of the arguments. */
function takeBackend(given) {
  const at = given.findIndex((argument) => argument === '--backend' || argument.startsWith('--backend='));
  if (at < 0) return { rest: given };
  const [, joined] = /^--backend=(.*)$/.exec(given[at]) ?? [];
  const width = joined === undefined ? 2 : 1;
  return { backend: joined ?? given[at + 1], rest: [...given.slice(0, at), ...given.slice(at + width)] };
}

/** Benchmarks of stores, which read their arguments themselves. */
const stores = {
  kube: 'kube.mjs',
  etcd: 'etcd.mjs',
  agents: 'agents.mjs',
  acquisitions: 'acquisitions.mjs',
};
const store = Object.hasOwn(stores, process.argv[2] ?? '') ? stores[process.argv[2]] : undefined;

const { backend = process.argv[2] === 'start' ? 'vxlan' : undefined, rest } = takeBackend(process.argv.slice(2));
const subject = path.join(scripts, 'bench', 'subjects', `${backend}.mjs`);
if (store === undefined && (backend === undefined || !backends.includes(backend) || !existsSync(subject))) {
  process.stderr.write(
    `bench: --backend: expected one of ${backends.join(', ')}, got ${backend ?? 'nothing'}\n` +
      'usage: npm run --silent bench -- scale --backend NAME --hosts N [--json]\n' +
      '       npm run --silent bench -- throughput --backend NAME [--backend-option KEY=VALUE]… [--peers N] [--json]\n' +
      '       npm run --silent bench -- start [--backend NAME] [--rounds N] [--idle SECONDS] [--json]\n' +
      '       npm run --silent bench -- kube [--agent] [--nodes N] [--rounds N] [--patches N] [--json]\n' +
      '       npm run --silent bench -- etcd [--hosts N] [--backend NAME] [--rounds N] [--changes N] [--json]\n' +
      '       npm run --silent bench -- agents [--hosts N] [--backend NAME] [--json]\n' +
      '       npm run --silent bench -- acquisitions [--hosts N] [--processes N] [--rounds N]\n',
  );
  process.exit(2);
}
if (!prepare(root, store === undefined ? ['build', 'kernel'] : ['build'])) process.exit(1);

const program = path.join(root, 'conformance', 'dist', 'performance', 'main.js');
/** What the benchmark is to measure. */
async function measured(what) {
  if (what === 'start') {
    return ['--program', path.join(root, 'packages', 'agent', 'bin', 'overlayd.cjs'), '--backend', backend];
  }
  return ['--subject', subject, ...(what === 'scale' ? ['--program', await bundleMeasured(root, subject)] : [])];
}

const args =
  store === undefined
    ? [program, ...rest, ...(await measured(rest[0]))]
    : [path.join(scripts, 'bench', 'stores', store), ...process.argv.slice(3)];
run('bench', args);
