// `overlay lab` as a program of its own, with the static agent: LAB_RUN_DIRECTORY tells where it keeps its state.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { labCommand } from '@overlay/lab';

process.exitCode = await labCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  agent: [process.execPath, fileURLToPath(new URL('./static-agent.js', import.meta.url))],
  runDirectory: process.env['LAB_RUN_DIRECTORY'],
});
