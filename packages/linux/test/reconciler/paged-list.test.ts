import { describe, expect, test } from '@jest/globals';
import { PagedList } from '../../dist/reconciler/paged-list.js';

describe('a list in pages', () => {
  test('keeps what it was given across the bounds of pages', () => {
    const list = new PagedList<number>();
    for (let at = 0; at < 3000; at += 1) list.set(at, at * 2);
    expect(list.length).toBe(3000);
    for (const at of [0, 1023, 1024, 2047, 2048, 2999]) expect(list.get(at)).toBe(at * 2);
  });

  test('takes another value in a place that it has', () => {
    const list = new PagedList<string>();
    for (let at = 0; at < 1025; at += 1) list.set(at, `${at}`);
    list.set(1024, 'last');
    list.set(0, 'first');
    expect([list.get(0), list.get(1), list.get(1023), list.get(1024)]).toEqual(['first', '1', '1023', 'last']);
    expect(list.length).toBe(1025);
  });
});
