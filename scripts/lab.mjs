// `npm run lab`: brings what is needed up to date, then runs `overlay lab` with the same arguments.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

// `--store etcd`, `--store=etcd`: a server that has to be installed.
const words = process.argv.slice(2);
const needsServers = words.some(
  (word, at) => word === '--store=etcd' || (word === 'etcd' && words[at - 1] === '--store'),
);
if (!prepare(root, ['build', 'kernel', ...(needsServers ? ['stores'] : [])])) {
  process.exit(1);
}
const agent = path.join(root, 'packages', 'agent');
const { bin } = JSON.parse(readFileSync(path.join(agent, 'package.json'), 'utf8'));
const program = path.join(agent, bin.overlay);
const child = spawn(process.execPath, [program, 'lab', ...words], { stdio: 'inherit' });

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
