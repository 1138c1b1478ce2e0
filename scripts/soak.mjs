// `npm run soak [-- --minutes 60] [--backend vxlan|host-gw] [--seed 1]`: brings what is needed up to date, then lets
// leases come, go and move for a long time, measures memory, and compares the kernels with the store at the end.
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

if (!prepare(root, ['build', 'kernel'])) process.exit(1);

const program = path.join(root, 'packages', 'agent', 'test-dist', 'soak', 'main.js');
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
// The program removes its namespaces on a signal, so this process must outlive it. A terminal sends Ctrl-C to both; any
// other sender reaches only this process, and the signal is passed on.
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
child.once('error', (error) => {
  process.stderr.write(`soak: could not start ${program}: ${error.message}\n`);
  process.exitCode = 1;
});
