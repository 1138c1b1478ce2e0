import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { releaseProgramPages } from '../../dist/process/program-pages.js';

/** Bytes of files that are mapped and resident. */
function residentFiles(): number {
  return 1024 * Number(/^RssFile:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}

describe("the pages of the program's file", () => {
  test('are let go of, and those that are needed come back', () => {
    const before = residentFiles();
    const released = releaseProgramPages();
    const after = residentFiles();
    expect(released).toBeGreaterThan(4_000_000);
    // Some have come back by now.
    expect(before - after).toBeGreaterThan(released / 4);
    // Code and tables of the executable that this test had not touched yet, and some that it had.
    expect(createHash('sha512').update('abc').digest('hex')).toMatch(/^ddaf35a193617aba/);
    expect('ÄÖÜ'.normalize('NFD').toLowerCase()).toHaveLength(6);
    expect(residentFiles()).toBeGreaterThan(after);
  });

  test('are found again after a second time', () => {
    releaseProgramPages();
    const released = releaseProgramPages();
    expect(released).toBeGreaterThan(0);
    expect(new Intl.NumberFormat('en').format(1e6)).toBe('1,000,000');
  });
});
