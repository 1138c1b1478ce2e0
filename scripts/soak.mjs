// `npm run soak [-- --minutes 60] [--backend vxlan|host-gw] [--seed 1]`: brings what is needed up to date, then lets
// leases come, go and move for a long time, measures memory, and compares the kernels with the store at the end.
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

if (!prepare(root, ['build', 'kernel'])) process.exit(1);

const program = path.join(root, 'packages', 'agent', 'test-dist', 'soak', 'main.js');
run('soak', [program, ...process.argv.slice(2)]);
