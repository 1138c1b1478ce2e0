// Compiles the addons with the machine's C compiler against the headers of the npm package node-api-headers, and the
// programs for the kernel with clang.
//   node packages/backend-udp/native/build.mjs [--arch x64|arm64|all] [--force]
// CC and CLANG name other compilers. The results are packages/backend-udp/prebuilds/linux-<arch>/*.node.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileBytecode } from './bpf/bytecode.mjs';

const linux = join(dirname(createRequire(import.meta.url).resolve('@overlay/linux/package.json')), 'native');
const { buildAddons } = await import(pathToFileURL(join(linux, 'compile.mjs')).href);

/** Files with this ending in these folders, and not below them. */
function files(ending, ...folders) {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => join(folder, name)),
  );
}

const shared = join(linux, 'src');
/** Of them what both addons use. */
const support = ['support', 'thread', 'netns'].map((name) => join(shared, `${name}.c`));

/** Loads the programs into the kernel: they are inside it. */
function bpfAddon() {
  const folder = join(import.meta.dirname, 'bpf', 'addon');
  const bytecode = compileBytecode();
  return {
    name: 'overlay-bpf',
    sources: [...files('.c', folder), ...['support', 'thread', 'netns'].map((name) => join(shared, `${name}.c`))],
    headers: [...files('.h', folder, shared), bytecode],
    includes: [shared, dirname(bytecode)],
  };
}

/** Carries packets in user space. */
function engineAddon() {
  const engine = join(import.meta.dirname, 'engine');
  const folders = [engine, ...['packet', 'table', 'io'].map((name) => join(engine, name))];
  return {
    name: 'udp-engine',
    sources: [...files('.c', ...folders), ...support],
    headers: files('.h', ...folders, shared),
    includes: [shared],
    optimize: '-O3',
  };
}

try {
  buildAddons(join(import.meta.dirname, '..'), [bpfAddon(), engineAddon()]);
} catch (error) {
  // The compiler has said on stderr what it did not like.
  process.stderr.write(`native/build.mjs: ${error.message.split('\n')[0]}\n`);
  process.exitCode = 1;
}
