import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { describe, expect, test } from '@jest/globals';
import { mapBounded } from '../../dist/system/bounded.js';
import { poll } from '../../dist/system/poll.js';
import { requireTools } from '../../dist/system/requirements.js';
import { run } from '../../dist/system/run.js';

describe('run', () => {
  test('gives both outputs and feeds the input', async () => {
    await expect(run(['sh', '-c', 'cat; echo wrong >&2'], { input: 'in' })).resolves.toEqual({
      code: 0,
      stdout: 'in',
      stderr: 'wrong\n',
    });
  });

  test('a failure names the command, the code and what it said', async () => {
    await expect(run(['sh', '-c', 'echo no such thing >&2; exit 3'])).rejects.toMatchObject({
      code: 'OVERLAY_LAB_COMMAND',
      message: 'run sh -c echo no such thing >&2; exit 3: exit code 3: no such thing',
    });
    await expect(run(['sh', '-c', 'exit 3'], { check: false })).resolves.toMatchObject({ code: 3 });
  });

  test('a program that is not there', async () => {
    await expect(run(['overlay-no-such-program'])).rejects.toMatchObject({
      code: 'OVERLAY_LAB_COMMAND',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('input that nobody reads is no error', async () => {
    await expect(run(['true'], { input: 'x'.repeat(1 << 20) })).resolves.toMatchObject({ code: 0 });
  });

  test('is stopped by the signal, before and midway', async () => {
    await expect(run(['sleep', '60'], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
    });
    await expect(run(['sleep', '60'], { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
    });
  });
});

describe('requireTools', () => {
  test('one line names every missing program and its package; what is no program does not count', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'overlay-lab-test-'));
    try {
      writeFileSync(path.join(folder, 'ip'), '');
      chmodSync(path.join(folder, 'ip'), 0o755);
      writeFileSync(path.join(folder, 'ping'), '');
      expect(() =>
        requireTools(['ip', 'ping', 'iperf3', 'nsenter', 'setpriv'], { PATH: `/nowhere:${folder}` }),
      ).toThrow(
        expect.objectContaining({
          code: 'OVERLAY_LAB_TOOL_MISSING',
          message:
            'lab: ping, iperf3, nsenter, setpriv not found in PATH: apt-get install iperf3 iputils-ping util-linux',
        }),
      );
      expect(() => requireTools(['ip'], { PATH: folder })).not.toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('mapBounded', () => {
  test('keeps the order and never runs more than it may', async () => {
    let running = 0;
    let most = 0;
    const doubled = await mapBounded([5, 1, 4, 2, 3], 2, async (n) => {
      most = Math.max(most, ++running);
      await run(['true']);
      running--;
      return 2 * n;
    });
    expect(doubled).toEqual([10, 2, 8, 4, 6]);
    expect(most).toBe(2);
  });

  test('starts nothing more after a failure, and waits for what runs', async () => {
    const started: number[] = [];
    let ended = false;
    const failing = mapBounded([0, 1, 2, 3], 2, async (n) => {
      started.push(n);
      if (n === 0) throw new Error('first');
      await run(['true']);
      ended = true;
    });
    await expect(failing).rejects.toThrow('first');
    expect(started).toEqual([0, 1]);
    expect(ended).toBe(true);
  });
});

describe('poll', () => {
  test('tells whether the condition held in time', async () => {
    let looks = 0;
    await expect(poll(() => ++looks === 3, { timeoutMs: 5000, intervalMs: 1 })).resolves.toBe(true);
    await expect(poll(() => false, { timeoutMs: 0 })).resolves.toBe(false);
  });

  test('ends at once when told to stop', async () => {
    const before = process.hrtime.bigint();
    await expect(
      poll(() => false, { timeoutMs: 60_000, intervalMs: 60_000, signal: AbortSignal.timeout(20) }),
    ).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    expect(Number(process.hrtime.bigint() - before) / 1e6).toBeLessThan(5000);
  });
});
