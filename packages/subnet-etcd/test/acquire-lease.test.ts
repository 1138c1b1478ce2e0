import { expect, test } from '@jest/globals';
import type { AcquireRequest } from '@overlay/core';
import { silentLogger } from '@overlay/core';
import { HandClock } from '@overlay/core/testing';
import { acquireLease } from '../dist/allocation/acquire-lease.js';
import type { EtcdClient } from '../dist/client/etcd-client.js';
import type { KeyValue, RangeResponse, TxnRequest, TxnResponse } from '../dist/rpc/messages.js';
import { LeaseBook } from '../dist/store/lease-book.js';
import { StoreKeys } from '../dist/store/store-keys.js';
import { attributesOf, IPV4 } from './support/etcd-host.js';

const keys = new StoreKeys('/n');
const header = { clusterId: 1n, revision: 8, term: 2 };
const range = (...kvs: KeyValue[]): RangeResponse => ({ header, kvs, count: kvs.length });

test('who knows all leases anyway asks only for what is new after somebody else was quicker', async () => {
  const requests: TxnRequest[] = [];
  const client = {
    grant: () => Promise.resolve({ id: 5n, ttl: 60 }),
    txn: (request: TxnRequest): Promise<TxnResponse> => {
      requests.push(request);
      if (requests.length > 1) return Promise.resolve({ header, succeeded: true, ranges: [] });
      // Somebody has just taken what was wanted.
      const [put] = request.success.flatMap((operation) => ('put' in operation ? [operation.put] : []));
      const taken = { key: put.key, value: '', createRevision: 8, modRevision: 8, lease: 9n };
      return Promise.resolve({ header, succeeded: false, ranges: [range(taken), range(), range()] });
    },
  } as unknown as EtcdClient;
  const request: AcquireRequest = { hostId: 'host-1', netConf: IPV4, attributes: attributesOf(1) };
  const agent = { agent: 'a', since: 1 };
  const context = {
    ...{ client, keys, clock: new HandClock(), logger: silentLogger, ttlSeconds: 60, agent },
    known: () => ({ book: new LeaseBook(keys), revision: 7 }),
    confirmed: () => undefined,
  };
  const { name } = await acquireLease(request, context, new AbortController().signal);
  expect(requests).toHaveLength(2);
  const puts = requests.map(({ success }) =>
    JSON.stringify(success.map((each) => ('put' in each ? each.put.key : ''))),
  );
  expect(puts[1]).toContain(name);
  expect(puts[0]).not.toContain(name);
  expect(requests[0].failure?.[0]).toMatchObject({ range: { minCreateRevision: 8 } });
});
