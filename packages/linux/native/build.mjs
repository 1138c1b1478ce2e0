// Compiles the addon with the machine's C compiler against the headers of the npm package node-api-headers.
//   node packages/linux/native/build.mjs [--arch x64|arm64] [--force]
// CC names another compiler. The result is packages/linux/prebuilds/linux-<arch>/overlay-netlink.node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { arch: { type: 'string', default: process.arch }, force: { type: 'boolean', default: false } },
});
const compilers = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' };
if (!(values.arch in compilers)) {
  console.error(`native/build.mjs: --arch: expected x64 or arm64, got ${values.arch}`);
  process.exit(1);
}
const compiler = process.env.CC ?? (values.arch === process.arch ? 'gcc' : compilers[values.arch]);
const sourceFolder = join(import.meta.dirname, 'src');
const files = readdirSync(sourceFolder).map((name) => join(sourceFolder, name));
const folder = join(import.meta.dirname, '..', 'prebuilds', `linux-${values.arch}`);
const target = join(folder, 'overlay-netlink.node');

const newest = Math.max(...[...files, import.meta.filename].map((file) => statSync(file).mtimeMs));
if (!values.force && existsSync(target) && statSync(target).mtimeMs >= newest) process.exit(0);

const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
mkdirSync(folder, { recursive: true });
// A program that has the old file mapped keeps it: the new one takes its name only when it is complete.
const unfinished = `${target}.${process.pid}`;
const flags = ['-std=gnu11', '-O2', '-g0', '-Wall', '-Wextra', '-Werror', '-fPIC', '-fvisibility=hidden', '-pthread'];
const hardening = ['-D_FORTIFY_SOURCE=2', '-fstack-protector-strong', '-Wl,-z,relro,-z,now'];
try {
  execFileSync(
    compiler,
    [
      ...flags,
      ...hardening,
      '-shared',
      '-s',
      `-I${headers}`,
      '-o',
      unfinished,
      ...files.filter((f) => f.endsWith('.c')),
    ],
    { stdio: 'inherit' },
  );
} catch (error) {
  if (error.code === 'ENOENT')
    console.error(`native/build.mjs: ${compiler} not found; install it (Debian: apt-get install gcc libc6-dev)`);
  process.exit(1);
}
renameSync(unfinished, target);
