import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { FileRecord } from '../../dist/files/file-record.js';
import { Folder } from '../support/folder.js';

test('a file is ours as long as it is the one that was noted', () => {
  using folder = new Folder();
  const record = new FileRecord(folder.at('run', 'record.json'));
  const file = folder.at('subnet.env');
  expect(record.current()).toBeUndefined();
  writeFileSync(file, 'a');
  record.note(file);
  expect(record.current()).toBe(file);
  // As flanneld writes it: the same text, in another file.
  writeFileSync(folder.at('other'), 'a');
  renameSync(folder.at('other'), file);
  expect(record.current()).toBeUndefined();
  record.note(file);
  expect(record.current()).toBe(file);
  rmSync(file);
  expect(record.current()).toBeUndefined();
});

test('a record that cannot be used is none', () => {
  using folder = new Folder();
  const path = folder.at('record.json');
  for (const text of ['', '{', '[]', 'null', '{"path":7}', '{"path":"/etc/passwd","inode":"1","modifiedAt":1}']) {
    writeFileSync(path, text);
    expect(new FileRecord(path).current()).toBeUndefined();
    expect(existsSync('/etc/passwd')).toBe(true);
  }
});
