import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  labDirectory,
  ownerIsAlive,
  recordedLabs,
  recordKept,
  recordLab,
  removeRecord,
} from '../../dist/lifetime/lab-state.js';
import { removeDeadLabs, removeLabs } from '../../dist/lifetime/remove-lab.js';
import { processStartTime } from '../../dist/system/processes.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'overlay-lab-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('records of labs', () => {
  test('a folder that is not there holds no labs', () => {
    expect(recordedLabs(path.join(folder, 'none'))).toEqual([]);
  });

  test('a new lab belongs to this process and has a folder; nothing is left of it afterwards', () => {
    const state = recordLab(folder, 'a-1');
    expect(state).toEqual({ id: 'a-1', pid: process.pid, startTime: processStartTime(process.pid), kept: false });
    expect(recordedLabs(folder)).toEqual([state]);
    expect(ownerIsAlive(state)).toBe(true);
    expect(existsSync(labDirectory(folder, 'a-1'))).toBe(true);
    removeRecord(folder, 'a-1');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a name is taken once', () => {
    recordLab(folder, 'a');
    expect(() => recordLab(folder, 'a')).toThrow(expect.objectContaining({ code: 'OVERLAY_LAB_EXISTS' }));
    expect(readdirSync(folder).sort()).toEqual(['a', 'a.json']);
  });

  test('an owner whose process id came round again is dead', () => {
    expect(ownerIsAlive({ id: 'a', pid: process.pid, startTime: '1', kept: false })).toBe(false);
  });

  test.each([
    ['', 'cut off'],
    ['{"id":"b","pid":1,"startTime":"1"}', 'of another lab'],
    ['[]', 'of another shape'],
  ])('a record %j, %s, is one of a dead owner', (text) => {
    writeFileSync(path.join(folder, 'a.json'), text);
    expect(recordedLabs(folder).map(ownerIsAlive)).toEqual([false]);
  });
});

describe('removal by record', () => {
  test('dead labs go, kept and running ones stay', async () => {
    recordKept(folder, recordLab(folder, 'kept'));
    recordLab(folder, 'running');
    writeFileSync(path.join(folder, 'dead.json'), JSON.stringify({ id: 'dead', pid: process.pid, startTime: '1' }));
    await expect(removeDeadLabs(folder)).resolves.toEqual(['dead']);
    expect(recordedLabs(folder).map(({ id }) => id)).toEqual(['kept', 'running']);
  });

  test('down removes kept labs too, and names the running ones', async () => {
    recordKept(folder, recordLab(folder, 'kept'));
    const running = recordLab(folder, 'running');
    await expect(removeLabs(folder)).resolves.toEqual({ removed: ['kept'], running: [running] });
    expect(recordedLabs(folder)).toEqual([running]);
  });
});
