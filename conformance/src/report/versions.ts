import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

function versionOf(packageJson: string): string {
  return (require(packageJson) as { version: string }).version;
}

/** The versions of this suite and of the interfaces that it is about. */
export const VERSIONS = {
  suite: versionOf('../../package.json'),
  core: versionOf('@overlay/core/package.json'),
} as const;
