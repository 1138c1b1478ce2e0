import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RecordingLogger } from '@overlay/core/testing';
import { Reconciler } from '@overlay/linux';
import type { Scope } from '@overlay/linux';
import { HandClock, MemoryKernel, quiet, thing } from './memory-kernel.js';
import type { Thing } from './memory-kernel.js';

const signal = new AbortController().signal;

let kernel: MemoryKernel;
let clock: HandClock;
let logger: RecordingLogger;
let reconciler: Reconciler;
let scope: Scope;

beforeEach(async () => {
  kernel = new MemoryKernel();
  clock = new HandClock();
  logger = new RecordingLogger();
  reconciler = new Reconciler({ kinds: [kernel.kind()], clock, logger, auditMs: 60_000 });
  scope = reconciler.scope('net');
  scope.set('peer', [thing('a')]);
  await scope.settled({ signal });
});

afterEach(() => reconciler.close());

const messages = (): string[] => scope.problems(99).map(({ message }) => message);

/** An audit, with what comes of it. */
async function audit(): Promise<void> {
  await clock.pass(70_000);
  await quiet();
}

describe('what is in the way of something wanted', () => {
  test('is said once, however often everything is read, and once that it is gone', async () => {
    kernel.tamper(thing('shadow a'));
    await quiet();
    expect(logger.matching(/in the way/)).toEqual(['warn shadow a is in the way']);
    await audit();
    await audit();
    expect(messages()).toEqual(['shadow a is in the way']);
    expect(logger.matching(/in the way/)).toHaveLength(1);
    kernel.destroy('shadow a');
    expect(messages()).toEqual([]);
    expect(logger.matching(/in the way/)).toEqual([
      'warn shadow a is in the way',
      'info thing shadow a is not in the way any more',
    ]);
  });

  test('is found by the audit where nobody tells of it, and so is its end', async () => {
    kernel.things.set('shadow a', thing('shadow a'));
    await audit();
    expect(messages()).toEqual(['shadow a is in the way']);
    expect(logger.matching(/^warn shadow a/)).toHaveLength(1);
    kernel.things.delete('shadow a');
    await audit();
    expect(messages()).toEqual([]);
  });

  test('is said by the audit when what it is in the way of is wanted only later', async () => {
    kernel.tamper(thing('shadow b'));
    await quiet();
    expect(logger.matching(/in the way/)).toEqual([]);
    scope.set('second', [thing('b')]);
    await scope.settled({ signal });
    await audit();
    expect(logger.matching(/in the way/)).toEqual(['warn shadow b is in the way']);
  });

  test('goes with its device, and is read again when that went down', async () => {
    kernel.addLink('eth1');
    kernel.tamper(thing('shadow a', 1, 'eth1'));
    await quiet();
    expect(messages()).toHaveLength(1);
    kernel.things.delete('shadow a');
    kernel.suspect('eth1');
    await quiet();
    expect(messages()).toEqual([]);
    kernel.tamper(thing('shadow a', 1, 'eth1'));
    await quiet();
    expect(messages()).toHaveLength(1);
    kernel.deleteLink('eth1');
    expect(messages()).toEqual([]);
  });

  test('that comes and goes is said once a minute, and shown whenever it is there', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      kernel.tamper(thing('shadow a'));
      await clock.pass(100);
      expect(messages()).toHaveLength(1);
      kernel.destroy('shadow a');
      await clock.pass(100);
      expect(messages()).toHaveLength(0);
    }
    expect(logger.matching(/^warn shadow a/)).toHaveLength(1);
    kernel.tamper(thing('shadow a'));
    // The first audit may come within the minute.
    await audit();
    await audit();
    expect(logger.matching(/^warn shadow a/)).toHaveLength(2);
  });

  test('in great number gets ten lines and one that says so', async () => {
    const many = Array.from({ length: 30 }, (_, number) => `n${number}`);
    scope.set(
      'many',
      many.map((id) => thing(id)),
    );
    await scope.settled({ signal });
    for (const id of many) kernel.tamper(thing(`shadow ${id}`));
    await quiet();
    await audit();
    expect(messages()).toHaveLength(30);
    expect(logger.matching(/is in the way/)).toHaveLength(10);
    expect(logger.matching(/of more only the status tells/)).toHaveLength(1);
  });
});

describe('what has the place of something wanted', () => {
  const foreign = (id: string, link?: string): Thing => ({ ...thing(id, 9, link), foreign: true });
  const value = (id: string): number | undefined => kernel.things.get(id)?.value;

  test('while it runs is not overwritten, and when it is gone, what is wanted is there at once', async () => {
    kernel.tamper(foreign('a'));
    await audit();
    expect(value('a')).toBe(9);
    expect(messages()).toEqual(['a is in the way']);
    expect(logger.matching(/in the way/)).toEqual(['warn a is in the way']);
    expect(scope.status()).toMatchObject({ pending: 0, failed: 1 });
    expect(scope.applied('peer')).toBe(false);
    // Another wish for the place does not change whose it is.
    scope.set('peer', [thing('a', 2)]);
    await scope.settled({ signal });
    expect(value('a')).toBe(9);
    kernel.destroy('a');
    await quiet();
    expect(value('a')).toBe(2);
    expect(messages()).toEqual([]);
    expect(scope.status()).toMatchObject({ pending: 0, failed: 0 });
  });

  test.each([true, false])('is there before anything is wanted (told of: %s)', async (told) => {
    kernel.deaf = !told;
    kernel.tamper(foreign('b'));
    await audit();
    scope.set('second', [thing('b')]);
    await scope.settled({ signal });
    expect(value('b')).toBe(9);
    expect(messages()).toEqual(['b is in the way']);
    kernel.destroy('b');
    await audit();
    expect(value('b')).toBe(1);
    expect(messages()).toEqual([]);
  });

  test('is gone for a reason of which nobody tells', async () => {
    kernel.addLink('eth1');
    kernel.tamper(foreign('a', 'eth1'));
    await quiet();
    kernel.deleteLink('eth1');
    await quiet();
    expect(value('a')).toBe(1);
    kernel.tamper(foreign('a'));
    await quiet();
    expect(value('a')).toBe(9);
    // Replaced by one that may be had.
    kernel.tamper(thing('a', 7));
    await quiet();
    expect(value('a')).toBe(1);
    expect(messages()).toEqual([]);
  });

  test('is left alone when nobody wants the place any more', async () => {
    kernel.tamper(foreign('a'));
    await quiet();
    const asked = kernel.log.length;
    scope.delete('peer');
    await scope.settled({ signal });
    expect(messages()).toEqual([]);
    expect(kernel.log.slice(asked).filter((line) => line.startsWith('put'))).toEqual([]);
  });
});
