// `reopening.js TIMES`: opens, starts and closes an engine that often in this network namespace, with sockets of both families
// on the loopback interface, and prints what the process held before (after the first 50, which leave the allocator's and the
// threads' first blocks) and after. With `--expose-gc` of Node, without what JavaScript has thrown away.
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { parseAddress } from '@overlay/core';
import { loadNativeEngine } from '../../dist/user/native.js';
import { encodeEndpoints } from '../../dist/user/records.js';

const native = loadNativeEngine();
const endpoints = encodeEndpoints({ ipv4: parseAddress('127.0.0.1'), ipv6: parseAddress('::1') }, 8299);

function reopen(times: number): void {
  for (let i = 0; i < times; i += 1) {
    const engine = native.create();
    native.start(engine, 'trial0', 2, 100, endpoints, undefined);
    const { running, lost } = native.state(engine);
    native.stop(engine);
    native.close(engine);
    if (!running || lost) throw new Error(`engine ${i}: running ${running}, lost ${lost}`);
  }
}

/** Open descriptors, threads, and anonymous resident memory (proc(5), `RssAnon`). */
function held(): Record<string, number> {
  globalThis.gc?.();
  const [, anonymousKiB] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    anonymousKiB: Number(anonymousKiB),
  };
}

reopen(50);
const before = held();
reopen(Number(process.argv[2]));
process.stdout.write(JSON.stringify({ before, after: held() }));
