#!/usr/bin/env node
// The program `overlay-conformance`.
import process from 'node:process';
import { conformanceCommand } from './command.js';

/** For output to be read, in milliseconds, where a module keeps the process from ending by itself. */
const GRACE_MS = 3000;

const stop = new AbortController();
// The first one lets the test under way clean up; who cannot wait sends another.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
process.exitCode = await conformanceCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
});
// What a module has begun and does not end would keep this process for ever.
setTimeout(() => process.exit(), GRACE_MS).unref();
