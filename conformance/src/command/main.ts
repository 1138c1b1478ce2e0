#!/usr/bin/env node
// The program `overlay-conformance`.
import process from 'node:process';
import { conformanceCommand } from './command.js';

const stop = new AbortController();
// The first one lets the test under way clean up; who cannot wait sends another.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
process.exitCode = await conformanceCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
});
