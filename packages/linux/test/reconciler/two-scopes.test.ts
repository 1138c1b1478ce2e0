import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Reconciler } from '@overlay/linux';
import type { Scope } from '@overlay/linux';
import { HandClock, MemoryKernel, quiet, thing } from './memory-kernel.js';

const signal = new AbortController().signal;

let clock: HandClock;
let low: MemoryKernel;
let high: MemoryKernel;
let reconciler: Reconciler;
let first: Scope;
let second: Scope;

beforeEach(() => {
  low = new MemoryKernel('low', 1);
  high = new MemoryKernel('high', 5);
  clock = new HandClock();
  reconciler = new Reconciler({ kinds: [low.kind(), high.kind()], clock, auditMs: 0 });
  first = reconciler.scope('a');
  second = reconciler.scope('b');
});

afterEach(() => reconciler.close());

const tunnel = (id: string, value = 1) => ({ ...thing(id, value), kind: 'low' });
const route = (id: string, value = 1) => ({ ...thing(id, value), kind: 'high' });
const writes = ({ log }: MemoryKernel): string[] => log.filter((line) => !line.startsWith('dump'));

describe('two scopes that want the very same', () => {
  beforeEach(async () => {
    for (const scope of [second, first]) scope.set('', [tunnel('shared')]);
    await Promise.all([first.settled({ signal }), second.settled({ signal })]);
  });

  test('both have it, and it is no conflict', () => {
    for (const scope of [first, second]) {
      expect(scope.applied('')).toBe(true);
      expect(scope.problems(10)).toEqual([]);
    }
    expect(writes(low)).toEqual(['put shared=1']);
  });

  test.each(['a', 'b'])('it stays for the other when %s no longer wants it, and goes with the last', async (name) => {
    const [leaving, staying] = name === 'a' ? [first, second] : [second, first];
    leaving.delete('');
    await leaving.settled({ signal });
    expect(staying.applied('')).toBe(true);
    expect(writes(low)).toEqual(['put shared=1']);
    staying.delete('');
    await staying.settled({ signal });
    expect(low.things.size).toBe(0);
  });

  test.each(['a', 'b'])('it is still held for the other after %s was closed', async (name) => {
    const [leaving, staying] = name === 'a' ? [first, second] : [second, first];
    leaving.close();
    low.destroy('shared');
    await quiet();
    expect(low.things.has('shared')).toBe(true);
    expect(staying.applied('')).toBe(true);
  });

  test('whoever has it only through the other is told when it is lost and back', async () => {
    const seen: boolean[] = [];
    second.onChange(() => seen.push(second.applied('')));
    low.faults.push('put refused');
    low.destroy('shared');
    await quiet();
    expect(seen.at(-1)).toBe(false);
    low.tamper(tunnel('shared'));
    second.set('other', [tunnel('x')]);
    await quiet();
    expect(seen.at(-1)).toBe(true);
  });
});

describe('an object that moves from one scope to another', () => {
  test.each(['a', 'b'])('is replaced in place when it leaves %s', async (name) => {
    const [old, next] = name === 'a' ? [first, second] : [second, first];
    old.set('peer', [tunnel('entry'), route('way', 1)]);
    await old.settled({ signal });
    low.log.length = high.log.length = 0;
    next.set('peer', [route('way', 2)]);
    old.delete('peer');
    await Promise.all([first.settled({ signal }), second.settled({ signal })]);
    expect(writes(high)).toEqual(['put way=2']);
    expect(writes(low)).toEqual(['remove entry']);
    expect(next.applied('peer')).toBe(true);
  });

  test('is replaced only when what it leads into is there, also in the midst of a round', async () => {
    first.set('peer', [route('way', 1)]);
    await first.settled({ signal });
    const order: string[] = [];
    for (const kernel of [low, high]) {
      const { push } = kernel.log;
      kernel.log.push = (...lines) => {
        order.push(...lines);
        // While the higher kind is being written, a peer moves, which needs an object of the lower one.
        if (lines.includes('put trigger=1')) {
          second.set('peer', [tunnel('entry'), route('way', 2)]);
          first.delete('peer');
        }
        return push.apply(kernel.log, lines);
      };
    }
    first.set('other', [route('trigger', 1)]);
    await quiet();
    const moved = order.filter((line) => /entry|way/.test(line));
    expect(moved).toEqual(['put entry=1', 'put way=2']);
  });

  test('loses what it led into only after it was replaced, also when it moves during a removal', async () => {
    first.set('peer', [tunnel('entry'), route('way', 1)]);
    first.set('leaving', [route('trigger', 1)]);
    await first.settled({ signal });
    const order: string[] = [];
    for (const kernel of [low, high]) {
      const { push } = kernel.log;
      kernel.log.push = (...lines) => {
        order.push(...lines);
        if (lines.includes('remove trigger')) {
          second.set('peer', [route('way', 2)]);
          first.delete('peer');
        }
        return push.apply(kernel.log, lines);
      };
    }
    first.delete('leaving');
    await quiet();
    expect(order.filter((line) => /entry|way/.test(line))).toEqual(['put way=2', 'remove entry']);
  });
});

describe('a scope that is closed to be opened again, beside one that claims everything of ours', () => {
  beforeEach(async () => {
    first.set('peer', [tunnel('entry'), route('way')]);
    await first.settled({ signal });
    for (const kind of ['low', 'high']) second.claim(kind, () => true);
    second.set('own', [tunnel('other')]);
    await second.settled({ signal });
    low.log.length = high.log.length = 0;
    first.close();
    // Everything is read in between, as after lost notifications.
    reconciler.audit();
    await quiet();
  });

  test('finds what it had, and nothing is written', async () => {
    const again = reconciler.scope('a');
    again.set('peer', [tunnel('entry'), route('way')]);
    await again.settled({ signal });
    await clock.pass(20_000);
    expect([...writes(low), ...writes(high)]).toEqual([]);
    expect(again.applied('peer')).toBe(true);
    expect(clock.timers).toBe(0);
  });

  test('leaves it to the other when it does not come back, which removes it then', async () => {
    await clock.pass(9_000);
    expect([...writes(low), ...writes(high)]).toEqual([]);
    await clock.pass(1_000);
    expect([...writes(high), ...writes(low)]).toEqual(['remove way', 'remove entry']);
  });
});
