import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const BUILD_SCRIPT = fileURLToPath(new URL('../../../../scripts/kubernetes/build.mjs', import.meta.url));

/** Where the servers are, whether they have been built or not. */
export const SERVERS = spawnSync(process.execPath, [BUILD_SCRIPT, '--where'], { encoding: 'utf8' }).stdout.trim();
