// How the addons of this repository are compiled: by the machine's C compiler for its own processor, by Debian's cross
// compilers for the others, and what every result must be: an ELF file of the right machine that asks for no younger
// glibc than the packages promise.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { elfFacts, glibcOver } from './elf.mjs';

/** The oldest glibc that the addons load with: that of RHEL 9 and Ubuntu 22.04. */
export const GLIBC_FLOOR = '2.34';

/** By Node's name of a processor: the compiler on another machine, the Debian package that has it, and ELF's name. */
export const targets = {
  x64: { compiler: 'x86_64-linux-gnu-gcc', debian: 'gcc-x86-64-linux-gnu libc6-dev-amd64-cross', machine: 'x86-64' },
  arm64: {
    compiler: 'aarch64-linux-gnu-gcc',
    debian: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
    machine: 'AArch64',
  },
};

const WARNINGS = ['-Wall', '-Wextra', '-Werror'];
const CODE = ['-std=gnu11', '-D_GNU_SOURCE', '-g0', '-fPIC', '-fvisibility=hidden', '-pthread'];
const HARDENING = ['-D_FORTIFY_SOURCE=2', '-fstack-protector-strong', '-Wl,-z,relro,-z,now'];

function compilerFor(arch) {
  return process.env.CC ?? (arch === process.arch ? 'gcc' : targets[arch].compiler);
}

/** Whether this machine can compile for the processor. */
export function canCompile(arch) {
  try {
    execFileSync(compilerFor(arch), ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Makes sure that a compiled file is what it should be. @throws Error saying what it is instead. */
export function checkAddon(file, arch) {
  const { machine, kind, glibc } = elfFacts(readFileSync(file));
  if (kind !== 'shared object') throw new Error(`${file}: expected a shared object, got ${kind}`);
  if (machine !== targets[arch].machine) {
    throw new Error(`${file}: expected code for ${targets[arch].machine}, got ${machine}`);
  }
  const young = glibcOver(glibc, GLIBC_FLOOR);
  if (young.length > 0) {
    throw new Error(`${file}: needs glibc ${young.join(', ')}, and the addons promise to load with ${GLIBC_FLOOR}`);
  }
}

/**
 * Compiles one addon, unless the file is younger than all it is made of.
 *
 * @param {object} addon
 * @param {string} addon.target where it goes: `<package>/prebuilds/linux-<arch>/<name>.node`
 * @param {keyof typeof targets} addon.arch
 * @param {string[]} addon.sources C files
 * @param {string[]} [addon.headers] files that are only looked at for their age
 * @param {string[]} [addon.includes] folders of headers
 * @param {string} [addon.optimize] `-O2` unless told
 * @param {boolean} [addon.force] whatever the ages
 * @returns {boolean} whether it was compiled
 */
export function compileAddon(addon) {
  const { target, arch, sources, headers = [], includes = [], optimize = '-O2', force = false } = addon;
  const made = [...sources, ...headers, import.meta.filename];
  const newest = Math.max(...made.map((file) => statSync(file).mtimeMs));
  if (!force && existsSync(target) && statSync(target).mtimeMs >= newest) return false;
  const compiler = compilerFor(arch);
  const { include_dir: nodeApi } = createRequire(import.meta.url)('node-api-headers');
  mkdirSync(dirname(target), { recursive: true });
  // A program that has the old file mapped keeps it: the new one takes its name only when it is complete.
  const unfinished = `${target}.${process.pid}`;
  const folders = [nodeApi, ...includes].map((folder) => `-I${folder}`);
  try {
    execFileSync(
      compiler,
      [...CODE, optimize, ...WARNINGS, ...HARDENING, '-shared', '-s', ...folders, '-o', unfinished, ...sources],
      { stdio: 'inherit' },
    );
    checkAddon(unfinished, arch);
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    if (error.code !== 'ENOENT') throw error;
    const debian = arch === process.arch ? 'gcc libc6-dev' : targets[arch].debian;
    throw new Error(`${compiler} not found; install it (Debian: apt-get install ${debian})`, { cause: error });
  }
  return true;
}

/**
 * The command line of a package's native/build.mjs: `[--arch x64|arm64|all] [--force]`. `all` is this machine's own
 * processor and each other one for which a compiler is installed.
 *
 * @param {string} packageFolder
 * @param {{ name: string, sources: string[], headers?: string[], includes?: string[], optimize?: string }[]} addons
 */
export function buildAddons(packageFolder, addons, args = process.argv.slice(2)) {
  const wanted = args.includes('--arch') ? args[args.indexOf('--arch') + 1] : process.arch;
  const force = args.includes('--force');
  if (wanted !== 'all' && !Object.hasOwn(targets, wanted)) {
    process.stderr.write(`native/build.mjs: --arch: expected x64, arm64 or all, got ${wanted ?? 'nothing'}\n`);
    process.exitCode = 1;
    return;
  }
  const others = Object.keys(targets).filter((arch) => arch !== process.arch && canCompile(arch));
  const arches = wanted === 'all' ? [process.arch, ...others] : [wanted];
  try {
    for (const arch of arches) {
      for (const { name, ...addon } of addons) {
        const target = join(packageFolder, 'prebuilds', `linux-${arch}`, `${name}.node`);
        compileAddon({ ...addon, target, arch, force });
      }
    }
  } catch (error) {
    // The compiler has said on stderr what it did not like.
    process.stderr.write(`native/build.mjs: ${error.message.split('\n')[0]}\n`);
    process.exitCode = 1;
  }
}
