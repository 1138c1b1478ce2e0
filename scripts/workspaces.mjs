// The npm workspaces of this repository, read from the root package.json.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Every workspace in the order of the root's `workspaces`, then by folder name.
 * @param {string} root the repository's top folder
 * @returns {{ name: string, folder: string, manifest: Record<string, any> }[]}
 */
export function workspaces(root) {
  const { workspaces: patterns } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const folders = patterns.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [path.join(root, pattern)];
    const parent = path.join(root, pattern.slice(0, -2));
    if (!existsSync(parent)) return [];
    return readdirSync(parent)
      .sort()
      .map((name) => path.join(parent, name));
  });
  return folders
    .filter((folder) => existsSync(path.join(folder, 'package.json')))
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
      return { name: manifest.name, folder, manifest };
    });
}
