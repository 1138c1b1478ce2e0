// The leak check itself: jest is run on small files that leave something open, or do not.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '..', '..');

const files = {
  'interval.test.mjs': `test('a', () => { setInterval(() => undefined, 1e6); });`,
  'server.test.mjs': `import net from 'node:net';
    test('a', (done) => { net.createServer().listen(0, '127.0.0.1', done); });`,
  'clean.test.mjs': `import net from 'node:net';
    test('a', async () => {
      clearTimeout(setTimeout(() => undefined, 1e6));
      setInterval(() => undefined, 1e6).unref();
      const server = net.createServer();
      await new Promise((done) => server.listen(0, '127.0.0.1', done));
      await new Promise((done) => server.close(done));
    });`,
};

describe('leak-checking environment', () => {
  let folder = '';
  const messages = new Map();

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'overlay-jest-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    const config = {
      rootDir: folder,
      testEnvironment: path.join(root, 'scripts', 'jest', 'environment.mjs'),
      testMatch: ['<rootDir>/*.test.mjs'],
      moduleFileExtensions: ['js', 'mjs'],
      cacheDirectory: path.join(folder, 'cache'),
      transform: {},
    };
    const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    // --forceExit: what is left open on purpose must not keep this run from ending.
    const args = ['--experimental-vm-modules', jest, '--json', '--runInBand', '--forceExit'];
    const done = spawnSync(process.execPath, [...args, '--config', JSON.stringify(config)], {
      cwd: folder,
      encoding: 'utf8',
    });
    for (const { name, message, status } of JSON.parse(done.stdout).testResults) {
      messages.set(path.basename(name), status === 'passed' ? 'passed' : message);
    }
  }, 60_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('names a timer', () => {
    expect(messages.get('interval.test.mjs')).toContain('left open: timer.');
  });
  test('names a socket', () => {
    expect(messages.get('server.test.mjs')).toContain('left open: TCPServerWrap.');
  });
  test('passes a file that closes what it opens', () => {
    expect(messages.get('clean.test.mjs')).toBe('passed');
  });
});
