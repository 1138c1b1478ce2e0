// `npm run lab`: brings what is needed up to date, then runs `overlay lab` with the same arguments.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildKubernetes } from './kubernetes/build.mjs';
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const words = process.argv.slice(2);
/** Whether `--store KIND` or `--store=KIND` is among the arguments. */
function asksFor(kind) {
  return words.some((word, at) => word === `--store=${kind}` || (word === kind && words[at - 1] === '--store'));
}

const servers = [...(asksFor('etcd') ? ['stores'] : []), ...(words.includes('--kubelets') ? ['kubelets'] : [])];
if (!prepare(root, ['build', 'kernel', ...servers])) {
  process.exit(1);
}
const env = { ...process.env };
if (asksFor('kube') && env.OVERLAY_LAB_KUBERNETES === undefined) {
  try {
    env.OVERLAY_LAB_KUBERNETES = await buildKubernetes();
  } catch (error) {
    process.stderr.write(`lab: ${error.message}\n`);
    process.exit(3);
  }
}
const agent = path.join(root, 'packages', 'agent');
const { bin } = JSON.parse(readFileSync(path.join(agent, 'package.json'), 'utf8'));
const program = path.join(agent, bin.overlay);
run('lab', [program, 'lab', ...words], env);
