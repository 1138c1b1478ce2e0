import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const program = path.join(import.meta.dirname, 'support', 'short-life.js');

test.each(['ready', 'opening', 'doubting', 'hanging'])(
  'a process has nothing left open after its agent was stopped: %s',
  async (phase) => {
    // A timer or handle that is left would keep it alive until it is killed, which is a rejection.
    const { stdout } = await promisify(execFile)(process.execPath, [program, phase], { timeout: 20_000 });
    const { stopMs } = JSON.parse(stdout) as { stopMs: number };
    expect(stopMs).toBeLessThan(1_500);
    if (phase !== 'hanging') expect(stopMs).toBeLessThan(500);
  },
);
