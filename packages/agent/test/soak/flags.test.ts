import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { soakFlags } from './flags.js';

describe('the flags of the soak', () => {
  test('an hour of vxlan unless told otherwise', () => {
    expect(soakFlags([])).toEqual({ backend: 'vxlan', durationMs: 3_600_000, seed: 1 });
    expect(soakFlags(['--minutes', '0.5', '--backend=host-gw', '--seed', '7'])).toEqual({
      backend: 'host-gw',
      durationMs: 30_000,
      seed: 7,
    });
  });

  test.each([
    [['--minutes', '0'], '--minutes: expected a number from 0.5 on, got "0"'],
    [['--backend', 'ipip'], '--backend: expected vxlan or host-gw, got "ipip"'],
    [['--seed', 'x'], '--seed: expected an integer, got "x"'],
  ])('%j is told in one line', (args, wrong) => {
    expect(soakFlags(args)).toEqual({ wrong });
  });

  // The program runs under plain node, where whatever needs a test framework cannot be loaded.
  test('the program starts outside a test framework, and tells a wrong flag in one line', () => {
    const program = fileURLToPath(new URL('main.js', import.meta.url));
    const run = spawnSync(process.execPath, [program, '--hours', '1'], { encoding: 'utf8' });
    expect(run.stderr).toMatch(/^soak: Unknown option '--hours'.*usage: npm run soak.*\n$/);
    expect(run.status).toBe(2);
  });
});
