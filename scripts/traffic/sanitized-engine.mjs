// The addon of the UDP engine under the address and undefined-behaviour sanitizers, and how a Node is told to take it in the
// place of the one that is released.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const FLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-fPIC', '-fvisibility=hidden', '-pthread', '-shared', '-g', '-O2'];
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];

function cFiles(...folders) {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.c'))
      .map((name) => path.join(folder, name)),
  );
}

/**
 * Compiles it. @throws what the compiler says.
 *
 * @param {string} root the repository's top folder
 * @returns {{ argv: string[], env: NodeJS.ProcessEnv }} flags of Node before the program, and its environment
 */
export function sanitizedEngine(root) {
  const compiler = process.env.CC ?? 'gcc';
  const engine = path.join(root, 'packages', 'backend-udp', 'native', 'engine');
  const shared = path.join(root, 'packages', 'linux', 'native', 'src');
  const target = path.join(root, '.cache', 'traffic', 'udp-engine.node');
  const { include_dir: nodeApi } = createRequire(import.meta.url)('node-api-headers');
  const sources = cFiles(engine, ...['packet', 'table', 'io'].map((name) => path.join(engine, name)));
  for (const name of ['support', 'thread', 'netns']) sources.push(path.join(shared, `${name}.c`));
  mkdirSync(path.dirname(target), { recursive: true });
  const command = [...FLAGS, ...SANITIZERS, `-I${nodeApi}`, `-I${shared}`, '-o', target, ...sources];
  execFileSync(compiler, command, { stdio: ['ignore', 2, 2] });
  const library = execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  return {
    argv: ['--require', path.join(import.meta.dirname, 'take-engine.cjs')],
    env: {
      ...process.env,
      LD_PRELOAD: library,
      OVERLAY_SANITIZED_ENGINE: target,
      // Node leaves much when it ends; and what was freed is kept back, which is not to be taken for growth.
      ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=64',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  };
}
