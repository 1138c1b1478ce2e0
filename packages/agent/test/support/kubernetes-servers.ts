import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The script that builds the servers of Kubernetes. */
export const BUILD_SCRIPT = fileURLToPath(new URL('../../../../scripts/kubernetes/build.mjs', import.meta.url));

/** The folder of the servers of Kubernetes, which are there once they are built. */
export const KUBERNETES = spawnSync(process.execPath, [BUILD_SCRIPT, '--where'], { encoding: 'utf8' }).stdout.trim();
