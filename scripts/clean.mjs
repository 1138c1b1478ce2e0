// Removes what a build made: compiled code, bundles, build information. Not node_modules, not prebuilt natives.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { workspaces } from './workspaces.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
for (const { folder } of workspaces(root)) {
  for (const made of ['dist', 'test-dist', 'bundle']) rmSync(path.join(folder, made), { recursive: true, force: true });
}
rmSync(path.join(root, '.cache'), { recursive: true, force: true });
