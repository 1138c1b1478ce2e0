import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { OverlayError } from '@overlay/core';
import type { Kind, Scope } from '@overlay/linux';
import { Reconciler } from '@overlay/linux';
import { objectIndex } from '../../dist/reconciler/object-index.js';
import { ReadSighting } from '../../dist/reconciler/read-sighting.js';
import { HandClock, MemoryKernel, thing } from './memory-kernel.js';
import type { Thing } from './memory-kernel.js';

const signal = new AbortController().signal;

let kernel: MemoryKernel;
let clock: HandClock;
let reconciler: Reconciler;
let scope: Scope;
/** Scans that have begun. */
let begun: number;
/** What a scan waits for before it tells anything. */
let listed: Promise<void>;
/** What happens when a scan has told everything. */
let afterwards: () => void;

/** The kernel's kind, which can tell how an object is without reading it. */
function scanned(): Kind {
  const kind = kernel.kind();
  const index = objectIndex(kind);
  return {
    ...kind,
    scan: async (filter, each, aborted) => {
      begun += 1;
      await listed;
      await kind.dump(filter, (actual) => each(new ReadSighting(kind, index, actual)), aborted);
      afterwards();
    },
  };
}

beforeEach(() => {
  begun = 0;
  listed = Promise.resolve();
  afterwards = () => undefined;
  kernel = new MemoryKernel();
  clock = new HandClock();
  reconciler = new Reconciler({ kinds: [scanned()], clock });
  scope = reconciler.scope('net');
});

afterEach(async () => {
  await reconciler.close();
});

const writes = (): string[] => kernel.log.filter((line) => line !== 'dump');
const mine = (found: unknown): boolean => (found as Thing).mine === true;

test('the kernel is asked in the turn in which the first object is wanted, and once for all of that turn', async () => {
  kernel.things.set('a', thing('a', 1));
  kernel.things.set('b', thing('b', 2));
  kernel.things.set('stray', { ...thing('stray'), mine: true });
  scope.set('one', [thing('a', 1)]);
  expect(begun).toBe(1);
  scope.set('two', [thing('b', 3)]);
  scope.claim('thing', mine);
  await scope.settled({ signal });
  expect(begun).toBe(1);
  expect(writes()).toEqual(['put b=3', 'remove stray']);
});

test('a claim that comes when something has been judged already has everything read again', async () => {
  kernel.things.set('stray', { ...thing('stray'), mine: true });
  let tell = (): void => undefined;
  listed = new Promise((resolve) => (tell = resolve));
  scope.set('one', [thing('a', 1)]);
  tell();
  // The scan has its turn now; the round only after this one.
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(kernel.log).toEqual(['dump']);
  scope.claim('thing', mine);
  await scope.settled({ signal });
  expect(begun).toBe(2);
  expect(kernel.things.has('stray')).toBe(false);
});

test('a claim that comes when nothing was found has everything read again, for something may have come since', async () => {
  scope.set('one', [thing('a', 1)]);
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(kernel.log).toEqual(['dump']);
  kernel.tamper({ ...thing('stray'), mine: true });
  scope.claim('thing', mine);
  await scope.settled({ signal });
  expect(begun).toBe(2);
  expect([...kernel.things.keys()]).toEqual(['a']);
});

test('a loss of notifications makes what is being read worthless', async () => {
  let tell = (): void => undefined;
  listed = new Promise((resolve) => (tell = resolve));
  scope.set('one', [thing('a', 1)]);
  kernel.things.set('a', thing('a', 1));
  kernel.lose();
  listed = Promise.resolve();
  await scope.settled({ signal });
  expect(begun).toBe(2);
  kernel.deaf = true;
  kernel.tamper(thing('a', 9));
  tell();
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(scope.applied('one')).toBe(true);
  expect(writes()).toEqual([]);
});

test('a loss of notifications in the midst of a read has everything read again after it', async () => {
  scope.set('one', [thing('a', 1)]);
  await scope.settled({ signal });
  afterwards = () => {
    afterwards = () => undefined;
    kernel.deaf = true;
    kernel.tamper(thing('a', 9));
    kernel.lose();
  };
  kernel.lose();
  await scope.settled({ signal });
  expect(begun).toBe(3);
  expect(kernel.things.get('a')).toEqual(thing('a', 1));
});

test('what was asked for something that nobody wants any more is not believed later', async () => {
  kernel.things.set('a', thing('a', 1));
  scope.set('one', [thing('a', 1)]);
  scope.delete('one');
  await scope.settled({ signal });
  kernel.deaf = true;
  kernel.tamper(thing('a', 1));
  scope.set('one', [thing('a', 1)]);
  await scope.settled({ signal });
  expect(begun).toBe(2);
  expect(writes()).toEqual(['remove a']);
});

test('a read that fails is tried again', async () => {
  listed = Promise.reject(new OverlayError('OVERLAY_CLOSED', 'the port is closed'));
  listed.catch(() => undefined);
  scope.set('one', [thing('a', 1)]);
  listed = Promise.resolve();
  const settled = scope.settled({ signal });
  await clock.pass(1000);
  await settled;
  expect(begun).toBe(2);
  expect(writes()).toEqual(['put a=1']);
});
