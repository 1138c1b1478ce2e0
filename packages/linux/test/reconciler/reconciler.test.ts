import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Reconciler } from '@overlay/linux';
import type { Scope } from '@overlay/linux';
import { HandClock, MemoryKernel, quiet, thing } from './memory-kernel.js';
import type { Fault, Thing } from './memory-kernel.js';

const signal = new AbortController().signal;

let kernel: MemoryKernel;
let clock: HandClock;
let reconciler: Reconciler;
let scope: Scope;
let lines: string[];

function begin(kernels = [kernel]): void {
  const say = (line: string): void => void lines.push(line);
  const logger = { debug: say, info: say, warn: say, error: say };
  reconciler = new Reconciler({ kinds: kernels.map((one) => one.kind()), clock, logger, auditMs: 60_000 });
  scope = reconciler.scope('net');
}

beforeEach(() => {
  lines = [];
  kernel = new MemoryKernel();
  clock = new HandClock();
  begin();
});

afterEach(async () => {
  await reconciler.close();
  expect(clock.timers).toBe(0);
});

const held = (): Record<string, number> => Object.fromEntries([...kernel.things].map(([id, { value }]) => [id, value]));
const writes = (): string[] => kernel.log.filter((line) => !line.startsWith('dump'));

describe('wanting and not wanting', () => {
  test('objects are read before they are written, and only the difference is written', async () => {
    kernel.things.set('a', thing('a', 1));
    kernel.things.set('b', thing('b', 7));
    scope.set('peer', [thing('a', 1), thing('b', 2), thing('c', 3)]);
    await scope.settled({ signal });
    expect(kernel.log).toEqual(['dump', 'put b=2', 'put c=3']);
    expect(held()).toEqual({ a: 1, b: 2, c: 3 });
    expect(scope.applied('peer')).toBe(true);
  });

  test('a restart that finds everything in place writes nothing', async () => {
    scope.set('peer', [thing('a'), thing('b')]);
    await scope.settled({ signal });
    await reconciler.close();
    kernel.log.length = 0;
    begin();
    scope.set('peer', [thing('a'), thing('b')]);
    scope.claim('thing', (found) => (found as Thing).mine === true);
    await scope.settled({ signal });
    expect(writes()).toEqual([]);
  });

  test('what an owner no longer wants is removed, after the new is there', async () => {
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    scope.set('peer', [thing('b')]);
    await scope.settled({ signal });
    expect(writes()).toEqual(['put a=1', 'put b=1', 'remove a']);
    scope.delete('peer');
    await scope.settled({ signal });
    expect(held()).toEqual({});
  });

  test('wanting the same again writes nothing', async () => {
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    expect(writes()).toEqual(['put a=1']);
  });

  test('an object removed and wanted again at once is there in the end', async () => {
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    scope.delete('peer');
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    expect(held()).toEqual({ a: 1 });
  });

  test('kinds are written by rank and removed the other way round', async () => {
    await reconciler.close();
    const order: string[] = [];
    const low = new MemoryKernel('low', 1);
    const high = new MemoryKernel('high', 2);
    for (const one of [low, high]) {
      const push = one.log.push.bind(one.log);
      one.log.push = (...items) => (order.push(...items.map((item) => `${one.name} ${item}`)), push(...items));
    }
    begin([high, low]);
    scope.set('peer', [{ kind: 'high', id: 'h', value: 1 } as Thing, { kind: 'low', id: 'l', value: 1 } as Thing]);
    await scope.settled({ signal });
    scope.delete('peer');
    await scope.settled({ signal });
    expect(order.filter((line) => !line.endsWith('dump'))).toEqual([
      'low put l=1',
      'high put h=1',
      'high remove h',
      'low remove l',
    ]);
  });
});

describe('two owners of one key', () => {
  test.each([
    ['p1', 'p2'],
    ['p2', 'p1'],
  ])('the same one wins whoever comes first (%s, %s), and the conflict is told', async (first, second) => {
    const value = (owner: string): number => (owner === 'p1' ? 1 : 2);
    scope.set(first, [thing('a', value(first))]);
    scope.set(second, [thing('a', value(second))]);
    await scope.settled({ signal });
    expect(held()).toEqual({ a: 1 });
    expect(scope.problems(10).map(({ message }) => message)).toEqual([
      'thing a is wanted by p1, which has it, and by p2',
      'thing a is wanted by p1, which has it, and by p2',
    ]);
    scope.delete('p1');
    await scope.settled({ signal });
    expect(held()).toEqual({ a: 2 });
    expect(scope.problems(10)).toEqual([]);
    scope.delete('p2');
    await scope.settled({ signal });
    expect(held()).toEqual({});
  });
});

describe('healing', () => {
  beforeEach(async () => {
    kernel.links.add('dev');
    scope.set('peer', [thing('a', 1, 'dev'), thing('b', 2, 'dev')]);
    await scope.settled({ signal });
    kernel.log.length = 0;
  });

  test('what is deleted or changed behind its back is restored at once, and nothing else is written', async () => {
    kernel.destroy('a');
    kernel.tamper(thing('b', 9, 'dev'));
    await quiet();
    expect(kernel.log).toEqual(['put a=1', 'put b=2']);
  });

  test('a loss of notifications means reading everything', async () => {
    kernel.deaf = true;
    kernel.destroy('a');
    kernel.lose();
    await quiet();
    expect(kernel.log).toEqual(['dump', 'put a=1']);
  });

  test('the audit finds what nobody told', async () => {
    kernel.deaf = true;
    kernel.destroy('b');
    await clock.pass(70_000);
    expect(kernel.log).toEqual(['dump', 'put b=2']);
  });

  test('a suspect device is read alone', async () => {
    kernel.deaf = true;
    kernel.destroy('a');
    kernel.suspect('dev');
    kernel.suspect('other');
    await quiet();
    expect(kernel.log).toEqual(['dump dev', 'put a=1']);
  });

  test('objects wait for a device that is gone, and come back with it', async () => {
    kernel.deleteLink('dev');
    await quiet();
    expect(writes()).toEqual([]);
    expect(scope.status()).toMatchObject({ pending: 0, failed: 2 });
    expect(scope.problems(1)).toEqual([{ owner: 'peer', message: 'thing a waits for the device dev' }]);
    kernel.addLink('dev');
    await quiet();
    expect(held()).toEqual({ a: 1, b: 2 });
    expect(scope.status()).toMatchObject({ pending: 0, failed: 0 });
  });

  test('what keeps being undone is restored ever less often, and said once', async () => {
    let restored = 0;
    for (let step = 0; step < 3000; step += 1) {
      if (kernel.things.has('a')) restored += 1;
      kernel.destroy('a');
      await clock.pass(10);
    }
    expect(restored).toBeGreaterThan(8);
    expect(restored).toBeLessThan(25);
    expect(lines.filter((line) => line.includes('keeps undoing'))).toHaveLength(1);
    expect(scope.problems(1)[0]?.message).toMatch(/^thing a: somebody undid it \d+ times/);
    await clock.pass(20_000);
    expect(held()).toEqual({ a: 1, b: 2 });
  });

  test('what comes to be wanted after what kept being undone is restored at once', async () => {
    for (let step = 0; step < 20; step += 1) {
      kernel.destroy('a');
      await clock.pass(10);
    }
    expect(scope.status()).toMatchObject({ failed: 1 });
    scope.set('peer', [thing('b', 2)]);
    scope.set('peer', [thing('b', 2), thing('c', 3)]);
    await scope.settled({ signal });
    kernel.destroy('c');
    await clock.pass(0);
    expect(held()).toEqual({ b: 2, c: 3 });
    expect(scope.status()).toMatchObject({ failed: 0 });
  });
});

describe('refusals', () => {
  test('an object that is refused is tried again until it succeeds, and the others are not kept back', async () => {
    kernel.faults.push('put refused', 'put refused', 'put refused');
    scope.set('p1', [thing('a')]);
    scope.set('p2', [thing('b')]);
    await scope.settled({ signal });
    expect(scope.status()).toMatchObject({ failed: 2 });
    expect(scope.problems(1)).toEqual([{ owner: 'p1', message: 'adding a: busy (EBUSY)' }]);
    await clock.pass(5000);
    expect(held()).toEqual({ a: 1, b: 1 });
    expect(scope.status()).toMatchObject({ failed: 0 });
    expect(lines).toEqual([
      'thing a: adding a: busy (EBUSY); it is tried again until it succeeds',
      'thing: every object is in the kernel again',
    ]);
  });

  test('a wall clock that is set back keeps nothing from being tried again', async () => {
    kernel.faults.push('put refused', 'put refused');
    scope.set('p1', [thing('a')]);
    await scope.settled({ signal });
    clock.step(-3_600_000);
    await clock.pass(5000);
    expect(held()).toEqual({ a: 1 });
  });

  test('a removal that is refused is tried again', async () => {
    scope.set('p1', [thing('a')]);
    await scope.settled({ signal });
    kernel.faults.push('remove refused');
    scope.delete('p1');
    await scope.settled({ signal });
    expect(held()).toEqual({ a: 1 });
    await clock.pass(1000);
    expect(held()).toEqual({});
  });

  test.each(['put throws', 'dump throws'] as const)('%s: everything is read again, and converges', async (fault) => {
    kernel.faults.push(fault, fault, fault, fault);
    scope.set('p1', [thing('a')]);
    await clock.pass(10_000);
    expect(kernel.faults).toEqual([]);
    expect(held()).toEqual({ a: 1 });
    expect(lines).toHaveLength(2);
  });
});

describe('a kind whose calls fail', () => {
  let low: MemoryKernel;
  let high: MemoryKernel;
  const both = (value: number): Thing[] => [
    { ...thing('l', value), kind: 'low' },
    { ...thing('h', value), kind: 'high' },
  ];

  beforeEach(async () => {
    await reconciler.close();
    low = new MemoryKernel('low', 1);
    high = new MemoryKernel('high', 2);
    begin([low, high]);
    scope.set('peer', both(1));
    await scope.settled({ signal });
  });

  test.each(['put throws', 'dump throws'] as const)('%s: keeps no other kind from healing', async (fault) => {
    low.faults.push(...Array<Fault>(1000).fill(fault));
    low.destroy('l');
    reconciler.audit();
    await clock.pass(500);
    expect(low.things.size).toBe(0);
    high.destroy('h');
    await quiet();
    expect(high.things.size).toBe(1);
    scope.set('other', [{ ...thing('new'), kind: 'high' }]);
    await scope.settled({ signal });
    expect([...high.things.keys()]).toEqual(['h', 'new']);
    scope.delete('other');
    await scope.settled({ signal });
    expect([...high.things.keys()]).toEqual(['h']);
    expect(scope.problems(9)).toEqual([
      { owner: '', message: expect.stringMatching(/^low: .*; it is tried again until it succeeds$/) as unknown },
    ]);
    expect(lines).toEqual([expect.stringMatching(/^low: talking to the kernel fails/)]);
    await clock.pass(60_000);
    expect(1000 - low.faults.length).toBeLessThan(40);
    low.faults.length = 0;
    await clock.pass(10_000);
    expect(low.things.size).toBe(1);
    expect(scope.problems(9)).toEqual([]);
    expect(lines).toEqual([expect.stringMatching(/^low: talking/), 'low: the kernel answers again']);
  });

  test('is waited for only as long as it may be a disturbance', async () => {
    low.faults.push('put throws');
    scope.set('peer', both(2));
    await quiet();
    expect(high.things.get('h')?.value).toBe(1);
    await clock.pass(50);
    expect([low.things.get('l')?.value, high.things.get('h')?.value]).toEqual([2, 2]);
    expect(lines).toEqual([]);
  });

  test('is shown to those alone who want something of it', async () => {
    const other = reconciler.scope('other');
    other.set('peer', [{ ...thing('o'), kind: 'high' }]);
    low.faults.push(...Array<Fault>(1000).fill('dump throws'));
    await clock.pass(1000);
    expect(other.problems(9)).toEqual([]);
    expect(scope.problems(9)).toHaveLength(1);
    scope.delete('peer');
    await scope.settled({ signal });
  });
});

describe('what is ours', () => {
  const stale: Thing = { ...thing('old', 5), mine: true };

  test('nothing is removed before the claim, then only what it recognises', async () => {
    kernel.things.set('old', stale);
    kernel.things.set('foreign', thing('foreign'));
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    expect(held()).toEqual({ old: 5, foreign: 1, a: 1 });
    scope.claim('thing', (found) => (found as Thing).mine === true);
    await scope.settled({ signal });
    expect(held()).toEqual({ foreign: 1, a: 1 });
    kernel.tamper(stale);
    await quiet();
    expect(held()).toEqual({ foreign: 1, a: 1 });
  });

  test('an object of ours that somebody keeps adding is not removed in a loop', async () => {
    scope.claim('thing', (found) => (found as Thing).mine === true);
    await quiet();
    kernel.log.length = 0;
    for (let step = 0; step < 100; step += 1) {
      kernel.tamper(stale);
      await clock.pass(10);
    }
    expect(writes().length).toBeLessThan(10);
  });

  test('that somebody keeps adding is said once a minute, shown while it is there, and removed in the end', async () => {
    scope.claim('thing', (found) => (found as Thing).mine === true);
    await quiet();
    for (let step = 0; step < 100; step += 1) {
      kernel.tamper(stale);
      await clock.pass(10);
    }
    const told = /^thing old: .*somebody makes it again whenever it is removed/;
    expect(lines.filter((line) => told.test(line))).toHaveLength(1);
    expect(scope.problems(9)).toEqual([{ owner: '', message: expect.stringMatching(told) as unknown }]);
    kernel.destroy('old');
    expect(scope.problems(9)).toEqual([]);
    kernel.tamper(stale);
    expect(scope.problems(9)).toHaveLength(1);
    // It is left alone now: an audit after the minute removes it.
    await clock.pass(140_000);
    expect(held()).toEqual({});
    expect(scope.problems(9)).toEqual([]);
    expect(lines.filter((line) => told.test(line)).length).toBeLessThanOrEqual(2);
  });

  test('a foreign object in the way is shown for as long as it is there', async () => {
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    kernel.tamper(thing('shadow a'));
    await quiet();
    expect(scope.problems(9)).toEqual([{ owner: 'peer', message: 'shadow a is in the way' }]);
    kernel.destroy('shadow a');
    expect(scope.problems(9)).toEqual([]);
  });

  test('a foreign object is in the way also of what is wanted only later', async () => {
    kernel.things.set('shadow b', thing('shadow b'));
    scope.set('first', [thing('a')]);
    await scope.settled({ signal });
    expect(scope.problems(9)).toEqual([]);
    scope.set('second', [thing('b')]);
    expect(scope.problems(9)).toEqual([{ owner: 'second', message: 'shadow b is in the way' }]);
  });

  test('a closed scope leaves everything as it is', async () => {
    scope.set('peer', [thing('a')]);
    await scope.settled({ signal });
    scope.close();
    kernel.destroy('a');
    await quiet();
    expect(held()).toEqual({});
    expect(() => scope.set('peer', [])).toThrow(expect.objectContaining({ code: 'OVERLAY_CLOSED' }));
    await expect(scope.settled({ signal })).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
  });
});

test('waiting ends with the signal, and with the reconciler', async () => {
  const abort = new AbortController();
  kernel.faults.push('dump throws');
  scope.set('peer', [thing('a')]);
  const waiting = scope.settled({ signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  await expect(scope.settled({ signal: abort.signal })).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  kernel.faults.push('dump throws');
  const second = scope.settled({ signal });
  const closed = expect(second).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
  await reconciler.close();
  await closed;
  expect(() => reconciler.scope('late')).toThrow(expect.objectContaining({ code: 'OVERLAY_CLOSED' }));
});
