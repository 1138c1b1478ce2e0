import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { benchStart } from '@overlay/conformance/performance';

const OVERLAYD = fileURLToPath(new URL('../../../packages/agent/bin/overlayd.cjs', import.meta.url));
const NEVER = new AbortController().signal;

describe('the start benchmark', () => {
  test('measures three sorts of starts and idle memory, and leaves nothing', async () => {
    const report = await benchStart({ program: OVERLAYD, rounds: 1, idleSeconds: 1, signal: NEVER });
    expect(report).toMatchObject({ backend: 'vxlan', rounds: 1 });
    for (const { readyMs, readyP90Ms, subnetEnvMs, cpuMs } of [report.first, report.again, report.together]) {
      // The agent is a Node program too, so no machine starts it sooner than that.
      expect(readyMs).toBeGreaterThan(report.nodeMs / 2);
      expect(readyP90Ms).toBeGreaterThanOrEqual(readyMs);
      expect(subnetEnvMs).toBeGreaterThan(0);
      expect(cpuMs).toBeGreaterThan(0);
    }
    const { idleRssMB = 0, idleAnonymousMB = 0 } = report;
    expect(idleAnonymousMB).toBeGreaterThan(2);
    expect(idleRssMB).toBeGreaterThan(idleAnonymousMB);
    expect(existsSync(`/run/netns/ovl-ovb-${process.pid}-h1`)).toBe(false);
  }, 60_000);

  test('tells the last words of an agent that ends', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'overlay-bench-'));
    try {
      const program = path.join(folder, 'broken.cjs');
      writeFileSync(program, 'console.error("no overlay today"); process.exitCode = 3;');
      await expect(benchStart({ program, rounds: 1, signal: NEVER })).rejects.toMatchObject({
        message: expect.stringMatching(/exit code 3|no overlay today/),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
