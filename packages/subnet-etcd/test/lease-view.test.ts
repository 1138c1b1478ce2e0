import { afterEach, expect, test } from '@jest/globals';
import { OverlayError } from '@overlay/core';
import { HandClock, RecordingLogger } from '@overlay/core/testing';
import type { EtcdClient } from '../dist/client/etcd-client.js';
import { TimeLimit } from '../dist/client/time-limit.js';
import type { WatchHandlers } from '../dist/client/watch-stream.js';
import { StoreKeys } from '../dist/store/store-keys.js';
import { LeaseView } from '../dist/view/lease-view.js';

const header = { clusterId: 1n, revision: 1, term: 2 };
let view: LeaseView;
afterEach(() => view.close());

test('a watch that is let begin and then ended is begun ever more slowly, and it is said once', async () => {
  const clock = new HandClock();
  const logger = new RecordingLogger();
  let watches = 0;
  const client = {
    limit: new TimeLimit(5_000),
    name: 'etcd',
    range: () => Promise.resolve({ header, kvs: [], count: 0 }),
    watch: (_: unknown, handlers: WatchHandlers<OverlayError>) => {
      watches++;
      setImmediate(() => {
        const nothing = { canceled: false, compactRevision: 0, cancelReason: '', events: [] };
        handlers.response({ ...{ header, created: true }, ...nothing });
        handlers.ended(new OverlayError('OVERLAY_STORE_UNAVAILABLE', 'watching: it was ended'));
      });
      return Promise.resolve({ cancel: () => undefined, leave: () => undefined });
    },
  } as unknown as EtcdClient;
  view = new LeaseView({ client, keys: new StoreKeys('/n'), clock, logger, confirmMs: 30_000 });
  view.start();
  await clock.advance(60_000);
  expect(watches).toBeGreaterThan(5);
  expect(watches).toBeLessThan(40);
  expect(logger.lines).toEqual(['warn watching: it was ended; what is known stays, trying again']);
});
