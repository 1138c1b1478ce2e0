// `npm run traffic [-- --path user|kernel] [--minutes 60] [--seed 1] [--sanitize]`: brings what is needed up to date, then
// sends random traffic through the UDP backend for a long time, compares it, and looks at what the process holds. With
// `--sanitize` the engine of the user path is one with the address and undefined-behaviour sanitizers.
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

if (!prepare(root, ['build', 'kernel'])) process.exit(1);

const program = path.join(root, 'packages', 'backend-udp', 'test-dist', 'random-traffic', 'main.js');
const args = process.argv.slice(2).filter((argument) => argument !== '--sanitize');
if (args.length === process.argv.length - 2) {
  run('traffic', ['--expose-gc', program, ...args]);
} else {
  const { sanitizedEngine } = await import('./traffic/sanitized-engine.mjs');
  const { argv, env } = sanitizedEngine(root);
  run('traffic', ['--expose-gc', ...argv, program, ...args], env);
}
