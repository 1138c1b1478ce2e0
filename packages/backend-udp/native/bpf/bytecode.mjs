// Compiles the programs with clang into bytecode, which is the same for all processors, and writes it as numbers for the
// addon to include. CLANG names another compiler.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the headers lie that linux/types.h asks for. */
const MACHINE_HEADERS = { x64: '/usr/include/x86_64-linux-gnu', arm64: '/usr/include/aarch64-linux-gnu' };
const FLAGS = ['-target', 'bpf', '-mcpu=v2', '-std=gnu11', '-O2', '-g0', '-Wall', '-Wextra', '-Werror'];

const programs = join(import.meta.dirname, 'program');
const folder = join(import.meta.dirname, 'build');

/** Makes `build/bytecode.inc` if it is older than what it is made of. @returns {string} the file */
export function compileBytecode() {
  const target = join(folder, 'bytecode.inc');
  const made = [...readdirSync(programs).map((name) => join(programs, name)), import.meta.filename];
  const newest = Math.max(...made.map((file) => statSync(file).mtimeMs));
  if (existsSync(target) && statSync(target).mtimeMs >= newest) return target;
  mkdirSync(folder, { recursive: true });
  const object = join(folder, `udp.${process.pid}.o`);
  const compiler = process.env.CLANG ?? 'clang';
  try {
    const sources = ['-c', join(programs, 'udp.c'), '-o', object];
    execFileSync(compiler, [...FLAGS, `-I${MACHINE_HEADERS[process.arch]}`, ...sources], { stdio: 'inherit' });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(`${compiler} not found; install it (Debian: apt-get install clang)`, { cause: error });
  }
  const unfinished = `${target}.${process.pid}`;
  writeFileSync(unfinished, `${[...readFileSync(object)].join(',')}\n`);
  renameSync(unfinished, target);
  renameSync(object, join(folder, 'udp.bpf.o'));
  return target;
}
