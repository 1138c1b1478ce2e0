import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { spawnSync } from 'node:child_process';
import { describe, test } from '@jest/globals';
import { BUILD_SCRIPT, SERVERS } from './server-folder.js';

const NEEDED = ['etcd', 'kube-apiserver', 'kube-controller-manager'];

function why(): string | undefined {
  if (NEEDED.every((name) => existsSync(join(SERVERS, name)))) return undefined;
  const go = spawnSync('go', ['version'], { stdio: 'ignore' });
  if (go.error !== undefined) return 'no Kubernetes servers, and no Go to build them with';
  if (process.env['CI'] === undefined)
    return 'no Kubernetes servers; build them with node scripts/kubernetes/build.mjs';
  const built = spawnSync(process.execPath, [BUILD_SCRIPT, ...NEEDED], { stdio: ['ignore', 'ignore', 'inherit'] });
  return built.status === 0 ? undefined : 'the Kubernetes servers could not be built';
}

const missing = why();

/** A group of tests on a real API server. Without one they are skipped, by name and with the reason, but never in CI. */
export function describeWithKubernetes(name: string, body: () => void): void {
  if (missing === undefined) {
    describe(name, body);
  } else if (process.env['CI'] !== undefined) {
    test(name, () => {
      throw new Error(missing);
    });
  } else {
    describe.skip(`${name} (${missing})`, body);
  }
}
