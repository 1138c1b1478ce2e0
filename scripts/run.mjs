import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';

/**
 * Runs a program of Node with this process's terminal, and ends with its exit code.
 *
 * @param {string} who whose line it is when the program cannot be started
 * @param {readonly string[]} argv what follows `node`
 * @param {NodeJS.ProcessEnv} [env]
 */
export function run(who, argv, env = process.env) {
  const child = spawn(process.execPath, argv, { stdio: 'inherit', env });
  // The program removes its namespaces on a signal, so this process must outlive it. A terminal sends Ctrl-C to both; any
  // other sender reaches only this process, and the signal is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
  child.once('error', (error) => {
    process.stderr.write(`${who}: could not start ${argv[0]}: ${error.message}\n`);
    process.exitCode = 1;
  });
}
