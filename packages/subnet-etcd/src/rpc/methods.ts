import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse, WatchRequest, WatchResponse } from './messages.js';
import { decodeRange, decodeTxn, decodeWatch, encodeRange, encodeTxn, encodeWatch } from './messages.js';
import { MessageReader, MessageWriter } from '@overlay/core/protobuf';

/** One method of etcd's API: where it is and how its messages look on the wire. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly encode: (request: Request) => Buffer;
  readonly decode: (bytes: Buffer) => Response;
}

export const RANGE: Method<RangeRequest, RangeResponse> = {
  path: '/etcdserverpb.KV/Range',
  encode: (request) => encodeRange(request).finish(),
  decode: (bytes) => decodeRange(new MessageReader(bytes)),
};

export const TXN: Method<TxnRequest, TxnResponse> = {
  path: '/etcdserverpb.KV/Txn',
  encode: (request) => encodeTxn(request).finish(),
  decode: (bytes) => decodeTxn(new MessageReader(bytes)),
};

export const WATCH: Method<WatchRequest, WatchResponse> = {
  path: '/etcdserverpb.Watch/Watch',
  encode: (request) => encodeWatch(request).finish(),
  decode: (bytes) => decodeWatch(new MessageReader(bytes)),
};

/** An etcd lease: its identity and its time to live in seconds. 0 or less: there is none of that identity. */
export interface Grant {
  readonly id: bigint;
  readonly ttl: number;
}

export const LEASE_GRANT: Method<{ readonly ttl: number }, Grant> = {
  path: '/etcdserverpb.Lease/LeaseGrant',
  encode: ({ ttl }) => new MessageWriter().number(1, ttl).finish(),
  decode: decodeGrant,
};

export const LEASE_KEEP_ALIVE: Method<{ readonly id: bigint }, Grant> = {
  path: '/etcdserverpb.Lease/LeaseKeepAlive',
  encode: ({ id }) => new MessageWriter().number(1, id).finish(),
  decode: decodeGrant,
};

export const LEASE_REVOKE: Method<{ readonly id: bigint }, void> = {
  path: '/etcdserverpb.Lease/LeaseRevoke',
  encode: ({ id }) => new MessageWriter().number(1, id).finish(),
  decode: () => undefined,
};

export const AUTHENTICATE: Method<{ readonly name: string; readonly password: string }, string> = {
  path: '/etcdserverpb.Auth/Authenticate',
  encode: ({ name, password }) => new MessageWriter().text(1, name).text(2, password).finish(),
  decode: (bytes) => {
    const reader = new MessageReader(bytes);
    let token = '';
    for (let field = reader.next(); field !== 0; field = reader.next()) if (field === 2) token = reader.text();
    return token;
  },
};

function decodeGrant(bytes: Buffer): Grant {
  const reader = new MessageReader(bytes);
  let id = 0n;
  let ttl = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) id = reader.bigint();
    else if (field === 3) ttl = reader.number();
  }
  return { id, ttl };
}
