// Runs one file with vitest and nothing else: no configuration of a folder above, no watching.
import process from 'node:process';
import { startVitest } from 'vitest/node';

const include = process.argv.slice(2);
const vitest = await startVitest('test', [], { config: false, watch: false, include, root: import.meta.dirname });
await vitest.close();
