// What the addons are, compared with what binutils says of the same files.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { describe, expect, test } from '@jest/globals';
import { checkAddon, GLIBC_FLOOR } from '../packages/linux/native/compile.mjs';
import { elfFacts, glibcOver } from '../packages/linux/native/elf.mjs';

const own = path.resolve(import.meta.dirname, `../packages/linux/prebuilds/linux-${process.arch}/overlay-netlink.node`);

describe('addons', () => {
  test('need no younger glibc than promised, by our reading and by readelf', () => {
    const { glibc, kind } = elfFacts(readFileSync(own));
    const listed = execFileSync('readelf', ['--wide', '--version-info', own], { encoding: 'utf8' });
    const named = new Set([...listed.matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, version]) => version));
    expect(kind).toBe('shared object');
    expect(new Set(glibc)).toEqual(named);
    expect(glibc).toContain(GLIBC_FLOOR);
    expect(glibcOver(glibc, GLIBC_FLOOR)).toEqual([]);
    expect(() => checkAddon(own, process.arch)).not.toThrow();
  });

  test('versions are compared as numbers', () => {
    expect(glibcOver(['2.4', '2.34', '2.35', '2.34.1', '3.0'], '2.34')).toEqual(['2.35', '2.34.1', '3.0']);
  });

  test('a file for another processor, or none at all, is refused', () => {
    const other = process.arch === 'x64' ? 'arm64' : 'x64';
    expect(() => checkAddon(own, other)).toThrow(/expected code for/);
    expect(() => checkAddon(import.meta.filename, 'x64')).toThrow(/expected a shared object, got not a 64-bit/);
  });
});
