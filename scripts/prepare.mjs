// What `npm run lab` and `npm test` do before their own work: system packages, then the build.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { ensureSystemPackages } from './system-packages.mjs';

/**
 * @param {string} root the repository's top folder
 * @param {('build' | 'kernel' | 'stores' | 'kubelets')[]} purposes
 * @returns {boolean} whether it may go on; if not, stderr says why
 */
export function prepare(root, purposes) {
  if (!ensureSystemPackages(purposes)) return false;
  const build = spawnSync(process.execPath, [path.join(root, 'scripts', 'build.mjs')], { stdio: ['ignore', 2, 2] });
  return build.status === 0;
}
