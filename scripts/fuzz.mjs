// Fuzzes the packet logic of the UDP engine with libFuzzer, under address and undefined-behaviour sanitizers.
//
//   node scripts/fuzz.mjs [--seconds N] [--keep] [TARGET...]
//
// N seconds in all (60 unless told), shared by the targets; all of them unless some are named. `--keep` adds to the
// committed corpus what reaches new code, and takes out what is not needed. An input that breaks something is left in
// .cache/fuzz, named on stderr, and the exit code is 1.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ensureSystemPackages } from './system-packages.mjs';

const root = path.resolve(import.meta.dirname, '..');
const engine = path.join(root, 'packages', 'backend-udp', 'native', 'engine');
const work = path.join(root, '.cache', 'fuzz');
const sanitizers = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];

/** Each is a C file of native/engine/fuzz; the number is its longest input in bytes. */
const targets = { parse: 2048, split: 4096, coalesce: 1024, prefixes: 1024 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, keep: { type: 'boolean', default: false } },
});
const seconds = Number(values.seconds);
const named = positionals.length > 0 ? positionals : Object.keys(targets);
const unknown = named.find((name) => !Object.hasOwn(targets, name));

function fail(message) {
  process.stderr.write(`fuzz: ${message}\n`);
  process.exitCode = 1;
}

function cFiles(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .map((name) => path.join(folder, name));
}

function run(command, args) {
  const done = spawnSync(command, args, { stdio: ['ignore', 2, 2], cwd: work });
  if (done.error?.code === 'ENOENT') fail(`${command} not found; install it (Debian: apt-get install clang)`);
  return done.status === 0;
}

function compile(name) {
  const sources = [path.join(engine, 'fuzz', `${name}.c`), ...cFiles(path.join(engine, 'packet'))];
  sources.push(...cFiles(path.join(engine, 'table')));
  const flags = ['-D_GNU_SOURCE', '-std=gnu11', '-g', '-O1', '-Wall', '-Wextra', '-Werror', ...sanitizers];
  return run(process.env.CLANG ?? 'clang', [...flags, '-o', path.join(work, name), ...sources]);
}

/** Whether nothing was found. */
function fuzz(name, time) {
  const found = path.join(work, `corpus-${name}`);
  const kept = path.join(engine, 'fuzz', 'corpus', name);
  mkdirSync(found, { recursive: true });
  mkdirSync(kept, { recursive: true });
  const common = [`-max_len=${targets[name]}`, `-artifact_prefix=${work}/${name}-`, '-verbosity=0'];
  process.stderr.write(`fuzz: ${name}, ${time} s\n`);
  const limits = [`-max_total_time=${time}`, '-timeout=10', '-rss_limit_mb=1024', '-print_final_stats=1'];
  if (!run(path.join(work, name), [...common, ...limits, found, kept])) return false;
  if (!values.keep) return true;
  // The fewest inputs that reach all, not all that reach something by themselves.
  const smaller = `${kept}.new`;
  mkdirSync(smaller);
  const merged = run(path.join(work, name), [...common, '-set_cover_merge=1', smaller, kept, found]);
  rmSync(merged ? kept : smaller, { recursive: true });
  return merged && spawnSync('mv', [smaller, kept]).status === 0;
}

if (!Number.isInteger(seconds) || seconds < named.length) {
  fail(`--seconds: expected a whole number, at least 1 for each target, got ${values.seconds}`);
} else if (unknown !== undefined) {
  fail(`no target ${unknown}; there are ${Object.keys(targets).join(', ')}`);
} else if (!ensureSystemPackages(['fuzz'])) {
  process.exitCode = 1;
} else {
  mkdirSync(work, { recursive: true });
  const broken = named.filter((name) => !compile(name) || !fuzz(name, Math.floor(seconds / named.length)));
  if (broken.length > 0) {
    const inputs = existsSync(work) ? readdirSync(work).filter((name) => /-(crash|leak|timeout|oom)-/.test(name)) : [];
    fail(`${broken.join(', ')} failed; inputs in ${work}: ${inputs.join(', ') || 'none'}`);
  }
}
