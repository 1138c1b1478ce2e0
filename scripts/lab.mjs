// `npm run lab`: brings what is needed up to date, then runs `overlay lab` with the same arguments.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildKubernetes } from './kubernetes/build.mjs';
import { prepare } from './prepare.mjs';

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
const child = spawn(process.execPath, [program, 'lab', ...words], { stdio: 'inherit', env });

// The lab cleans up after itself on a signal, so this process must outlive it. A terminal sends Ctrl-C to both; any other
// sender reaches only this process, and the signal is passed on.
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGHUP' ? 1 : 15);
});
child.once('error', (error) => {
  process.stderr.write(`lab: could not start ${program}: ${error.message}\n`);
  process.exitCode = 1;
});
