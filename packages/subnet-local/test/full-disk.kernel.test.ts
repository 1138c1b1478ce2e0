import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from './support/temporary-directory.js';

const PROGRAM = fileURLToPath(new URL('./support/full-disk.js', import.meta.url));

test('a full and a read-only file system are problems that are shown and go away, and no peer is lost', async () => {
  const directory = temporaryDirectory();
  try {
    // The mount goes with its namespace, whatever happens to the program.
    const command = ['--mount', '--propagation', 'private', process.execPath, PROGRAM, directory.path];
    const { stdout } = await promisify(execFile)('unshare', command, { timeout: 25_000, killSignal: 'SIGKILL' });
    expect(JSON.parse(stdout)).toEqual({
      full: {
        problem: expect.stringMatching(/cannot be written in .*ENOSPC.*trying again/),
        peers: ['host-1', 'host-2'],
      },
      'full, after': '192.0.2.71',
      'read-only': {
        problem: expect.stringMatching(/cannot be written in .*EROFS.*trying again/),
        peers: ['host-1', 'host-2'],
      },
      'read-only, after': '192.0.2.72',
      deleted: [],
    });
  } finally {
    directory.remove();
  }
});
