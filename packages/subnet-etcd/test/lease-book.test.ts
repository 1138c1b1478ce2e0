import { describe, expect, test } from '@jest/globals';
import { JunkLog } from '@overlay/core/store';
import { RecordingLogger } from '@overlay/core/testing';
import type { KeyValue } from '../dist/rpc/messages.js';
import { LeaseBook } from '../dist/store/lease-book.js';
import { StoreKeys } from '../dist/store/store-keys.js';

const keys = new StoreKeys('/n');

function kv(name: string, value: string, modRevision = 1): KeyValue {
  return { key: keys.lease(name), value, createRevision: 1, modRevision, lease: 0n };
}

describe('the book of leases', () => {
  test('names new junk though there was much of it once, which went while nobody followed', () => {
    const logger = new RecordingLogger();
    const book = new LeaseBook(keys, new JunkLog({ logger, store: 'etcd', things: 'keys' }));
    book.replace(Array.from({ length: 30 }, (_, at) => kv(`junk-${at}`, 'x')));
    expect(logger.lines.at(-1)).toContain('no more are named');
    book.replace([]);
    book.put(kv('more-junk', 'x'));
    expect(logger.lines.at(-1)).toContain('more-junk');
  });

  test('tells of a list with an earlier revision of a key that it knows', () => {
    const book = new LeaseBook(keys);
    const one = kv('10.5.1.0-24', '{}', 7);
    expect(book.replace([one, kv('10.5.2.0-24', '{}', 9)])).toBe(false);
    expect(book.newest()).toEqual({ key: keys.lease('10.5.2.0-24'), modRevision: 9 });
    expect(book.replace([one, kv('10.5.3.0-24', '{}', 2)])).toBe(false);
    expect(book.replace([{ ...one, modRevision: 6 }])).toBe(true);
  });
});
