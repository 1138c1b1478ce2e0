import { describe, expect, test } from '@jest/globals';
import { Entry, Owner } from '../../dist/reconciler/entry.js';
import { EntryIndex } from '../../dist/reconciler/entry-index.js';
import type { KernelObject } from '../../dist/reconciler/kind.js';
import { ScopeState } from '../../dist/reconciler/scope-state.js';

interface Numbered extends KernelObject {
  readonly number: number;
}

const owner = new Owner('one', new ScopeState('test'));
const numbered = (number: number): Numbered => ({ kind: 'numbered', number });
const numberOf = (object: KernelObject): number => (object as Numbered).number;

/** Many objects have a hash in common, among them negative ones. */
const index = {
  hash: (object: KernelObject) => (numberOf(object) % 7) * 0x20000001 - 3,
  sameKey: (a: KernelObject, b: KernelObject) => numberOf(a) === numberOf(b),
};

/** A small generator of numbers, the same in each run (Park and Miller). */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) yield (state = (state * 48271) % 0x7fffffff);
}

describe('an index of entries', () => {
  test('finds, gives and forgets the same as a Map', () => {
    const entries = new EntryIndex(index);
    const expected = new Map<number, Entry>();
    const random = numbers(42);
    for (let step = 0; step < 4000; step += 1) {
      const number = random.next().value % 97;
      const known = expected.get(number);
      expect(entries.find(numbered(number))).toBe(known);
      // More is added than deleted at first, and less later, so that it grows, and has holes.
      if (known && random.next().value % 4000 < step) {
        entries.delete(known);
        expected.delete(number);
      } else if (!known) {
        const entry = new Entry(numbered(number), owner);
        entries.add(entry);
        expected.set(number, entry);
      }
      expect(entries.size).toBe(expected.size);
    }
    expect([...entries].map(({ object }) => numberOf(object))).toEqual([...expected.keys()]);
  });

  test('keeps its place while entries are deleted in the midst of it', () => {
    const entries = new EntryIndex(index);
    for (let number = 0; number < 40; number += 1) entries.add(new Entry(numbered(number), owner));
    const seen: number[] = [];
    for (const entry of entries) {
      seen.push(numberOf(entry.object));
      entries.delete(entry);
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, number) => number));
    expect(entries.size).toBe(0);
  });

  test('finds by what was only seen', () => {
    const entries = new EntryIndex(index);
    for (let number = 0; number < 20; number += 1) entries.add(new Entry(numbered(number), owner));
    const sighting = {
      hash: index.hash(numbered(15)),
      hasKeyOf: (wanted: KernelObject) => numberOf(wanted) === 15,
      satisfies: () => true,
      read: () => numbered(15),
    };
    expect(entries.findSeen(sighting)?.object).toEqual(numbered(15));
    expect(entries.findSeen({ ...sighting, hasKeyOf: () => false })).toBeUndefined();
  });
});
