import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What a package.json says, as far as it matters here. Nothing in it has been checked. */
export interface PackageDescription {
  readonly folder: string;
  readonly version?: unknown;
  readonly peerDependencies?: Readonly<Record<string, unknown>>;
}

/** The folder itself, then each one above it. */
function* upwards(folder: string): Generator<string> {
  for (let at = folder; ; at = path.dirname(at)) {
    yield at;
    if (at === path.dirname(at)) return;
  }
}

/** The package that a folder belongs to: the nearest package.json that is in it or above it. */
export function packageOf(folder: string): PackageDescription | undefined {
  for (const at of upwards(folder)) {
    const file = path.join(at, 'package.json');
    if (existsSync(file)) return { ...(JSON.parse(readFileSync(file, 'utf8')) as object), folder: at };
  }
  return undefined;
}

/** The package of a name, where a module in `from` that imports it finds it. */
export function installedPackage(name: string, from: string): PackageDescription | undefined {
  for (const at of upwards(from)) {
    const folder = path.join(at, 'node_modules', name);
    if (existsSync(path.join(folder, 'package.json'))) return packageOf(folder);
  }
  return undefined;
}
