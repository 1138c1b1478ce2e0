import { readFileSync } from 'node:fs';
import type { Implementation } from '@overlay/conformance';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Who makes the packages of this repository. All have one version. */
export function ours(project: string): Implementation {
  return { organization: 'overlay', project, version, contact: [] };
}
