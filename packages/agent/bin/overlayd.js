#!/usr/bin/env node
// npm links programs when it installs, before anything is built; so this file is in the repository, and the program itself
// is the bundle that the build makes.
import { existsSync } from 'node:fs';
import process from 'node:process';

const bundle = new URL('../bundle/overlayd.js', import.meta.url);
if (existsSync(bundle)) {
  await import(bundle.href);
} else {
  process.stderr.write('overlayd is not built yet: run `npm run build` at the top of the repository.\n');
  process.exitCode = 1;
}
