import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RecordingLogger } from '@overlay/core/testing';
import { Reconciler, Sysctl } from '@overlay/linux';
import type { DeviceSettingsObject, ProcFiles, Scope } from '@overlay/linux';
import { deviceSettingsKind } from '../../dist/kinds/index.js';
import type { SettingsContext } from '../../dist/kinds/settings-kind.js';
import { HandClock, MemoryKernel, thing } from '../reconciler/memory-kernel.js';
import { MemoryFiles } from '../sysctl/memory-files.js';

const FORWARDING = 'net/ipv4/conf/flannel.1/forwarding';
const REVERSE_PATH = 'net/ipv4/conf/flannel.1/rp_filter';

let files: MemoryFiles;
/** A file that nobody may read, as under a security module. */
let unreadable: string | undefined;
/** One that nobody may write. */
let unwritable: string | undefined;
let clock: HandClock;
let logger: RecordingLogger;
let later: MemoryKernel;
let reconciler: Reconciler;
let scope: Scope;

beforeEach(() => {
  files = new MemoryFiles({ [FORWARDING]: 0, [REVERSE_PATH]: 1 });
  unreadable = unwritable = undefined;
  clock = new HandClock();
  logger = new RecordingLogger();
  later = new MemoryKernel('thing', 5);
  const guarded: ProcFiles = {
    read: (path) =>
      unreadable !== undefined && path.endsWith(unreadable)
        ? Promise.reject(new Error(`EACCES: permission denied, open ${path}`))
        : files.read(path),
    write: (path, text) =>
      unwritable !== undefined && path.endsWith(unwritable)
        ? Promise.reject(new Error('EROFS: read-only file system, open'))
        : files.write(path, text),
  };
  const links = {
    ready: () => Promise.resolve(),
    byName: (name: string) => ({ name }),
    onChange: () => () => undefined,
  } as unknown as SettingsContext['links'];
  const sysctl = new Sysctl({ files: guarded });
  const readOnly = new Sysctl({ files: guarded, mode: 'off' });
  const kinds = [deviceSettingsKind({ links, sysctl, readOnly, logger }), later.kind()];
  reconciler = new Reconciler({ kinds, clock, logger, auditMs: 60_000 });
  scope = reconciler.scope('net');
});

afterEach(() => reconciler.close());

async function want(): Promise<void> {
  const settings: DeviceSettingsObject = { kind: 'device-settings', link: 'flannel.1' };
  scope.set('self', [settings]);
  scope.set('peer', [thing('route')]);
  await scope.settled({ signal: new AbortController().signal });
}

test('a setting that cannot be read is shown with its remedy, and keeps nothing from being made', async () => {
  unreadable = REVERSE_PATH;
  await want();
  expect(later.things.has('route')).toBe(true);
  expect(files.writes).toEqual([`${FORWARDING}=1`]);
  expect(scope.applied('self')).toBe(true);
  expect(scope.problems(9)).toEqual([
    { owner: 'self', message: expect.stringMatching(/rp_filter: EACCES.*run: sysctl -w .*rp_filter=2$/) as unknown },
  ]);
  await clock.pass(300_000);
  expect(logger.matching(/EACCES/)).toHaveLength(1);
  expect(scope.problems(9)).toHaveLength(1);
  unreadable = undefined;
  await clock.pass(60_000);
  expect(scope.problems(9)).toEqual([]);
  expect(files.writes).toEqual([`${FORWARDING}=1`, `${REVERSE_PATH}=2`]);
  // Another time is another trouble.
  unreadable = REVERSE_PATH;
  await clock.pass(70_000);
  expect(scope.problems(9)).toHaveLength(1);
  expect(logger.matching(/EACCES/)).toHaveLength(2);
});

test('a setting that cannot be made is tried again, and is no longer shown when it is as needed', async () => {
  unwritable = FORWARDING;
  await want();
  expect(scope.applied('self')).toBe(true);
  expect(scope.status()).toMatchObject({ failed: 1, pending: 0 });
  expect(scope.problems(9)).toEqual([
    { owner: 'self', message: expect.stringMatching(/forwarding from 0 to 1/) as unknown },
  ]);
  await clock.pass(120_000);
  expect(logger.matching(/forwarding from 0 to 1/)).toHaveLength(1);
  unwritable = undefined;
  await clock.pass(40_000);
  expect(files.writes).toContain(`${FORWARDING}=1`);
  expect(scope.status()).toMatchObject({ failed: 0 });
  expect(scope.problems(9)).toEqual([]);
});
