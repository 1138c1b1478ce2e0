import { describe, expect, test } from '@jest/globals';
import { report, summarise } from './test-results.mjs';

const jestReport = {
  testResults: [
    {
      name: '/repo/packages/core/test-dist/address/prefix.test.js',
      status: 'failed',
      assertionResults: [
        { fullName: 'prefix masks', status: 'passed' },
        { fullName: 'prefix refuses', status: 'failed' },
        { fullName: 'prefix later', status: 'pending' },
      ],
    },
    { name: '/repo/packages/core/test-dist/broken.test.js', status: 'failed', assertionResults: [] },
  ],
};

describe('test results', () => {
  const summary = summarise('unit', undefined, jestReport, '/repo');

  test('counts a file that fails as a whole as one failure', () => {
    expect(summary.passed).toBe(1);
    expect(summary.failed).toEqual([
      'packages/core/test/address/prefix.test.ts: prefix refuses',
      'packages/core/test/broken.test.ts (the file as a whole)',
    ]);
  });

  test('names what was skipped and closes with the sums', () => {
    const lines = [];
    const skipped = { run: 'kernel', reason: 'needs root', passed: 0, failed: [], skipped: ['a', 'b'] };
    expect(report([summary, skipped], (line) => lines.push(line))).toBe(false);
    expect(lines).toContain('skipped (kernel: needs root): a\n');
    expect(lines.at(-1)).toBe('1 passed, 2 failed, 3 skipped\n');
  });

  test('no test at all is not success', () => {
    expect(report([{ run: 'unit', passed: 0, failed: [], skipped: ['a'] }], () => undefined)).toBe(false);
  });
});
