import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const execute = promisify(execFile);
const require = createRequire(import.meta.url);
const engine = path.resolve(import.meta.dirname, '../../native/engine');
const shared = path.resolve(require.resolve('@overlay/linux/package.json'), '../native/src');
/** Some seconds at rest. */
const LIMIT_MS = 240_000;
/** What native/engine/check/engine.c has functions of its own for. */
const WRAPPED = ['read', 'sendmmsg', 'clock_gettime', 'setpriority'];

function cFiles(folder: string, ...but: readonly string[]): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c') && !but.includes(name))
    .map((name) => path.join(folder, name));
}

/** The engine without its addon and its device, in a program of its own. */
async function compile(into: string, sanitizer: string): Promise<string> {
  const program = path.join(into, sanitizer.replaceAll(/\W/gu, '-'));
  const sources = [
    ...cFiles(path.join(engine, 'check')),
    ...cFiles(engine, 'addon.c'),
    ...cFiles(path.join(engine, 'packet')),
    ...cFiles(path.join(engine, 'table')),
    ...cFiles(path.join(engine, 'io'), 'tun.c'),
    path.join(shared, 'thread.c'),
    path.join(shared, 'netns.c'),
  ];
  // A fence is no synchronisation that the thread sanitizer knows; what it has to see are the loads and stores beside it.
  const flags = [
    '-D_GNU_SOURCE',
    '-std=gnu11',
    '-g',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Wno-tsan',
    `-fsanitize=${sanitizer}`,
  ];
  const wraps = WRAPPED.map((name) => `-Wl,--wrap=${name}`);
  const command = [
    ...flags,
    '-fno-sanitize-recover=all',
    `-I${shared}`,
    ...wraps,
    '-pthread',
    '-o',
    program,
    ...sources,
  ];
  await execute(process.env.CC ?? 'gcc', command, { timeout: LIMIT_MS });
  return program;
}

/**
 * What a program is started by. The thread sanitizer of GCC 12 ends at once where the kernel puts memory at more random
 * places than it knows of (vm.mmap_rnd_bits above 30), so they are not random where that may be asked for.
 */
async function starter(): Promise<readonly string[]> {
  const plain = ['setarch', '--addr-no-randomize'];
  try {
    await execute(plain[0], [...plain.slice(1), 'true']);
    return plain;
  } catch {
    return [];
  }
}

describe.each(['thread', 'address,undefined'])('the engine under -fsanitize=%s', (sanitizer) => {
  let folder: string;
  let argv: readonly [string, ...string[]];
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'overlay-native-'));
    argv = [...(await starter()), await compile(folder, sanitizer)] as unknown as typeof argv;
  }, LIMIT_MS + 10_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(['changes', 'read-errors', 'cutting-returns', 'mixed-message', 'flood-of-strangers', 'icmp-silence'])(
    'holds what is said of it: %s',
    async (name) => {
      const [command, ...before] = argv;
      const { stderr } = await execute(command, [...before, name], { timeout: LIMIT_MS });
      expect(stderr).toBe('');
    },
    LIMIT_MS + 10_000,
  );
});
