import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadNative } from '../../dist/netlink/native.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overlay-native-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('an addon that is missing is an error with the places looked at and a remedy', () => {
  const base = pathToFileURL(join(folder, 'a', 'b', 'program.js'));
  expect(() => loadNative(base)).toThrow(
    expect.objectContaining({
      code: 'OVERLAY_NATIVE_MISSING',
      message: expect.stringMatching(/looked at .*overlay-netlink\.node, .*; install .* or build it with/),
    }),
  );
});

test.each(['overlay-netlink.node', `prebuilds/linux-${process.arch}/overlay-netlink.node`])(
  'one that cannot be loaded, at %s beside a bundle, says why',
  (place) => {
    const file = join(folder, place);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, 'no shared object');
    expect(() => loadNative(pathToFileURL(join(folder, 'program.js')))).toThrow(
      expect.objectContaining({ code: 'OVERLAY_NATIVE_MISSING', message: expect.stringContaining(file) }),
    );
  },
);

test('the one in the package is found and has its functions', () => {
  expect(Object.keys(loadNative()).sort()).toEqual([
    'cancel',
    'closeMonitor',
    'closeRequest',
    'openMonitor',
    'openRequest',
    'pace',
    'readNetnsFile',
    'releaseProgramPages',
    'sendFrame',
    'sendUnixDatagram',
    'submit',
    'writeNetnsFile',
  ]);
});

test('it is loaded once, however often it is asked for', () => {
  expect(loadNative()).toBe(loadNative());
});

test('misuse of the addon is an exception, not a crash', () => {
  const native = loadNative();
  const wrong = native as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ['submit', 'cancel', 'pace', 'closeRequest', 'closeMonitor']) {
    expect(() => wrong[name]({}, 1, 1, new Uint8Array(4))).toThrow();
    expect(() => wrong[name]()).toThrow();
  }
  expect(() => wrong.openRequest()).toThrow();
  expect(() => wrong.openRequest({ netns: 7 }, () => undefined)).toThrow();
  expect(() => wrong.openRequest({ netns: '/run\0' }, () => undefined)).toThrow();
  expect(() => wrong.openMonitor({ groups: 'all' }, () => undefined)).toThrow();
  expect(() => wrong.openMonitor({ groups: Array.from({ length: 65 }, () => 1) }, () => undefined)).toThrow();
  const opened = native.openRequest({}, () => undefined);
  expect(() => native.submit(opened.handle, 1, 9, new Uint8Array(16))).toThrow();
  expect(() => wrong.submit(opened.handle, 1, 0, 'text')).toThrow();
  expect(() => wrong.closeMonitor(opened.handle)).toThrow();
  native.closeRequest(opened.handle);
  native.closeRequest(opened.handle);
  expect(() => native.submit(opened.handle, 1, 0, new Uint8Array(16))).toThrow();
});

test('malformed messages are refused, not sent', async () => {
  const native = loadNative();
  const results: unknown[][] = [];
  const opened = native.openRequest({}, (...done) => results.push(done));
  const tooLong = new Uint8Array(32);
  tooLong[0] = 64;
  [0, 1, 2].forEach((kind) => native.submit(opened.handle, kind, kind, tooLong));
  [0, 1, 2].forEach((kind) => native.submit(opened.handle, 10 + kind, kind, new Uint8Array(3)));
  const end = Date.now() + 5000;
  while (results.length < 6 && Date.now() < end) await new Promise((resolve) => setImmediate(resolve));
  native.closeRequest(opened.handle);
  expect(results.map(([, errno]) => errno)).toEqual([22, 22, 22, 22, 22, 22]);
});
