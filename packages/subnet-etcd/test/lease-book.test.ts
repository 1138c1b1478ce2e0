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
});
