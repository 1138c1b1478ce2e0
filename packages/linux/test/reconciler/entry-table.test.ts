import { describe, expect, test } from '@jest/globals';
import { Owner, Status } from '../../dist/reconciler/entry.js';
import type { Entry } from '../../dist/reconciler/entry.js';
import { EntryTable } from '../../dist/reconciler/entry-table.js';
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

const add = (entries: EntryTable, number: number): Entry => entries.add(numbered(number), owner, Status.Unknown);
const numbersIn = (entries: EntryTable): number[] => [...entries].map((entry) => numberOf(entries.objectOf(entry)));

describe('a table of entries', () => {
  test('finds, gives and forgets the same as a Map', () => {
    const entries = new EntryTable(index);
    const expected = new Map<number, Entry>();
    const random = numbers(42);
    for (let step = 0; step < 4000; step += 1) {
      const number = random.next().value % 97;
      const known = expected.get(number);
      expect(entries.find(numbered(number))).toBe(known);
      // More is added than deleted at first, and less later, so that it grows, and has free places.
      if (known !== undefined && random.next().value % 4000 < step) {
        entries.delete(known);
        expected.delete(number);
      } else if (known === undefined) {
        expected.set(number, add(entries, number));
      }
      expect(entries.size).toBe(expected.size);
    }
    const inOrder = (all: Iterable<number>): number[] => [...all].sort((a, b) => a - b);
    expect(inOrder(numbersIn(entries))).toEqual(inOrder(expected.keys()));
    expect(new Set(expected.values()).size).toBe(expected.size);
    // Places are used again: as many as there were entries at once, of which there may be 97.
    expect(Math.max(...expected.values())).toBeLessThan(97);
  });

  test('keeps of each entry what it was told, however much it grows', () => {
    const entries = new EntryTable(index);
    const other = new Owner('other', new ScopeState('test'));
    const first = entries.add(numbered(0), owner, Status.Held);
    entries.setSeen(first, 7);
    const second = entries.add(numbered(1), other, Status.Applied);
    for (let number = 2; number < 200; number += 1) add(entries, number);
    expect(entries.ownerOf(first)).toBe(owner);
    expect(entries.statusOf(first)).toBe(Status.Held);
    expect(entries.wasSeen(first, 7)).toBe(true);
    expect(entries.ownerOf(second)).toBe(other);
    expect(entries.statusOf(second)).toBe(Status.Applied);
    expect(entries.wasSeen(second, 7)).toBe(false);
  });

  test('gives the place of a deleted entry away, with nothing of it left', () => {
    const entries = new EntryTable(index);
    const deleted = entries.add(numbered(1), owner, Status.Failed);
    entries.setSeen(deleted, 1);
    entries.delete(deleted);
    expect(entries.statusOf(deleted)).toBe(Status.Gone);
    expect(entries.ownerOf(deleted)).not.toBe(owner);
    entries.delete(deleted);
    expect(entries.size).toBe(0);
    const next = add(entries, 2);
    expect(next).toBe(deleted);
    expect(entries.statusOf(next)).toBe(Status.Unknown);
    expect(entries.wasSeen(next, 1)).toBe(false);
    expect(entries.find(numbered(1))).toBeUndefined();
  });

  test('keeps its place while entries are deleted in the midst of it', () => {
    const entries = new EntryTable(index);
    for (let number = 0; number < 40; number += 1) add(entries, number);
    const seen: number[] = [];
    for (const entry of entries) {
      seen.push(numberOf(entries.objectOf(entry)));
      entries.delete(entry);
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, number) => number));
    expect(entries.size).toBe(0);
  });

  test('finds by what was only seen', () => {
    const entries = new EntryTable(index);
    for (let number = 0; number < 20; number += 1) add(entries, number);
    const sighting = {
      hash: index.hash(numbered(15)),
      hasKeyOf: (wanted: KernelObject) => numberOf(wanted) === 15,
      satisfies: () => true,
      read: () => numbered(15),
    };
    const found = entries.findSeen(sighting);
    expect(found !== undefined && entries.objectOf(found)).toEqual(numbered(15));
    expect(entries.findSeen({ ...sighting, hasKeyOf: () => false })).toBeUndefined();
  });
});
