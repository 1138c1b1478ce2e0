import { readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { benchScale } from '@overlay/conformance/performance';

const SUBJECTS = new URL('../../../scripts/bench/subjects/', import.meta.url);
const subject = (name: string): string => fileURLToPath(new URL(`${name}.mjs`, SUBJECTS));
const NEVER = new AbortController().signal;

/** The namespaces that benchmarks of this process have left. */
function namespaces(): string[] {
  const all = readdirSync('/run/netns', { withFileTypes: true }).map(({ name }) => name);
  return all.filter((name) => name.startsWith(`ovb-${process.pid}-`));
}

describe('the scale benchmark', () => {
  test.each([
    ['vxlan', 3],
    ['host-gw', 1],
  ])('measures %s on the real kernel and leaves nothing', async (backend, objectsEach) => {
    const hosts = 300;
    const report = await benchScale({
      subject: subject(backend),
      hosts,
      rounds: 1,
      changes: 20,
      sustainSeconds: 1,
      signal: NEVER,
    });
    expect(report).toMatchObject({ backend, hosts, objects: objectsEach * hosts, restartWrites: 0 });
    const times = [
      'convergeMs',
      'ipBatchMs',
      'ratio',
      'changeP50Ms',
      'changeP99Ms',
      'restartMs',
      'linkDownMs',
    ] as const;
    for (const time of times) expect(report[time]).toBeGreaterThan(0);
    expect(report.changeP99Ms).toBeGreaterThanOrEqual(report.changeP50Ms);
    // A process of Node alone has about 40.
    expect(report.rssMB).toBeGreaterThan(30);
    expect(report.sustained?.changes).toBe(1000);
    expect(namespaces()).toEqual([]);
  });

  test('stops when it is told to, and leaves nothing', async () => {
    const abort = new AbortController();
    const bench = benchScale({
      subject: subject('vxlan'),
      hosts: 20_000,
      signal: abort.signal,
    });
    const ended = expect(bench).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await ended;
    expect(namespaces()).toEqual([]);
  });

  test('refuses what it cannot do', async () => {
    const options = { rounds: 1, signal: NEVER };
    await expect(benchScale({ ...options, subject: subject('vxlan'), hosts: 65_535 })).rejects.toMatchObject({
      code: 'OVERLAY_BENCH_OPTION',
    });
    await expect(benchScale({ ...options, subject: '/nowhere.mjs', hosts: 1 })).rejects.toMatchObject({
      code: 'OVERLAY_BENCH_SUBJECT',
    });
  });
});
