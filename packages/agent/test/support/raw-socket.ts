import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const AGENT = fileURLToPath(new URL('../../', import.meta.url));
const BUILD_MS = 120_000;

/** Whether the programs of this package can load raw-socket, with this Node. */
function loads(): boolean {
  const argv = ['-e', `require(require.resolve('raw-socket', { paths: [process.argv[1]] }))`, join(AGENT, 'bundle')];
  return spawnSync(process.execPath, argv, { stdio: 'ignore', env: withoutOptions() }).status === 0;
}

function withoutOptions(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _ignored, ...env } = process.env;
  return env;
}

/**
 * Compiles raw-socket where that has not been done, with what this machine has: nothing is downloaded.
 *
 * @returns why it cannot be had, or undefined.
 */
export function prepareRawSocket(): string | undefined {
  if (loads()) return undefined;
  const prefix = dirname(dirname(process.execPath));
  if (!existsSync(join(prefix, 'include', 'node', 'node.h'))) return 'Node came without its headers';
  // Node's own folder first: what is compiled has to fit the Node that runs this.
  const env: NodeJS.ProcessEnv = {
    ...withoutOptions(),
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    npm_config_nodedir: prefix,
    npm_config_offline: 'true',
  };
  const argv = ['rebuild', 'raw-socket', '--ignore-scripts=false'];
  const { error, stderr } = spawnSync('npm', argv, { cwd: AGENT, env, encoding: 'utf8', timeout: BUILD_MS });
  if (loads()) return undefined;
  const said = error?.message ?? stderr.split('\n').find((line) => /gyp ERR! stack|npm error/.test(line)) ?? '';
  return `raw-socket does not compile: ${said.slice(0, 200)}`;
}
