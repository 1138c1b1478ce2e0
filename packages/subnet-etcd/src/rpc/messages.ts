import type { MessageReader } from '@overlay/core/protobuf';
import { MessageWriter } from '@overlay/core/protobuf';

/*
 * The messages of etcd's v3 API (api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto of etcd 3.4) that are used here,
 * with the numbers of their fields. Keys and values are taken as UTF-8 texts: what is not is no lease anyway.
 */

export interface ResponseHeader {
  readonly clusterId: bigint;
  /** The store's revision when the answer was made. */
  readonly revision: number;
  /** Of the last entry that the member has applied: it grows with each election, and begins anew in a restored store. */
  readonly term: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** The etcd lease that the key ends with, 0 for none. */
  readonly lease: bigint;
}

export interface RangeRequest {
  readonly key: string;
  /** Every key from `key` up to this one, which is not included. */
  readonly rangeEnd?: string;
  /** The store as it was at this revision, which must not have been compacted away. As it is now unless told. */
  readonly revision?: number;
  /** Leave the values away. */
  readonly keysOnly?: boolean;
  /** Only keys that were not changed before this revision. */
  readonly minModRevision?: number;
  /** Only keys that were not there before this revision. */
  readonly minCreateRevision?: number;
}

export interface PutRequest {
  readonly key: string;
  readonly value: string;
  readonly lease: bigint;
}

/** What must hold of a key (of every key up to `rangeEnd`, if given) for a transaction to be done. */
export interface Compare {
  readonly key: string;
  readonly rangeEnd?: string;
  /** The revision of its last change; 0: it is not there. */
  readonly modRevision: number;
}

export type Operation =
  | { readonly range: RangeRequest }
  | { readonly put: PutRequest }
  | { readonly delete: { readonly key: string; readonly rangeEnd?: string } };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  /** How many keys there are in the range, also those that were not asked for. */
  readonly count: number;
}

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  /** The answers to the ranges among the operations that were done, in their order. */
  readonly ranges: readonly RangeResponse[];
}

export interface WatchCreateRequest {
  readonly key: string;
  readonly rangeEnd: string;
  readonly startRevision: number;
}

export type WatchRequest = { readonly create: WatchCreateRequest } | { readonly progress: true };

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
}

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Other than 0: what was asked for has been compacted away up to this revision. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly events: readonly WatchEvent[];
}

export function encodeRange(request: RangeRequest): MessageWriter {
  const { key, rangeEnd = '', revision = 0, keysOnly = false, minModRevision = 0, minCreateRevision = 0 } = request;
  const writer = new MessageWriter().text(1, key).text(2, rangeEnd).number(4, revision).number(8, keysOnly);
  return writer.number(10, minModRevision).number(12, minCreateRevision);
}

export function encodeTxn({ compare, success, failure = [] }: TxnRequest): MessageWriter {
  const writer = new MessageWriter();
  for (const each of compare) writer.message(1, encodeCompare(each));
  for (const each of success) writer.message(2, encodeOperation(each));
  for (const each of failure) writer.message(3, encodeOperation(each));
  return writer;
}

/** Compare.CompareTarget: MOD. Its result stays the default, EQUAL. */
const MOD = 2;

function encodeCompare({ key, rangeEnd = '', modRevision }: Compare): MessageWriter {
  // A member of a oneof counts as set when it is there, so a zero, which is left out, has the same meaning in etcd.
  return new MessageWriter().number(2, MOD).text(3, key).number(6, modRevision).text(64, rangeEnd);
}

function encodeOperation(operation: Operation): MessageWriter {
  if ('range' in operation) return new MessageWriter().message(1, encodeRange(operation.range));
  if ('put' in operation) {
    const { key, value, lease } = operation.put;
    return new MessageWriter().message(2, new MessageWriter().text(1, key).text(2, value).number(3, lease));
  }
  const { key, rangeEnd = '' } = operation.delete;
  return new MessageWriter().message(3, new MessageWriter().text(1, key).text(2, rangeEnd));
}

export function encodeWatch(request: WatchRequest): MessageWriter {
  if ('progress' in request) return new MessageWriter().message(3, new MessageWriter());
  const { key, rangeEnd, startRevision } = request.create;
  const create = new MessageWriter().text(1, key).text(2, rangeEnd).number(3, startRevision).number(4, true);
  return new MessageWriter().message(1, create);
}

const NO_HEADER: ResponseHeader = { clusterId: 0n, revision: 0, term: 0 };

export function decodeHeader(reader: MessageReader): ResponseHeader {
  let { clusterId, revision, term } = NO_HEADER;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) clusterId = reader.bigint();
    else if (field === 3) revision = reader.number();
    else if (field === 4) term = reader.number();
  }
  return { clusterId, revision, term };
}

export function decodeRange(reader: MessageReader): RangeResponse {
  let header = NO_HEADER;
  const kvs: KeyValue[] = [];
  let count = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header = decodeHeader(reader.message());
    else if (field === 2) kvs.push(decodeKeyValue(reader.message()));
    else if (field === 4) count = reader.number();
  }
  return { header, kvs, count };
}

export function decodeTxn(reader: MessageReader): TxnResponse {
  let header = NO_HEADER;
  let succeeded = false;
  const ranges: RangeResponse[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header = decodeHeader(reader.message());
    else if (field === 2) succeeded = reader.boolean();
    else if (field === 3) {
      const response = reader.message();
      for (let kind = response.next(); kind !== 0; kind = response.next()) {
        if (kind === 1) ranges.push(decodeRange(response.message()));
      }
    }
  }
  return { header, succeeded, ranges };
}

export function decodeWatch(reader: MessageReader): WatchResponse {
  let header = NO_HEADER;
  let created = false;
  let canceled = false;
  let compactRevision = 0;
  let cancelReason = '';
  const events: WatchEvent[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header = decodeHeader(reader.message());
    else if (field === 3) created = reader.boolean();
    else if (field === 4) canceled = reader.boolean();
    else if (field === 5) compactRevision = reader.number();
    else if (field === 6) cancelReason = reader.text();
    else if (field === 11) events.push(decodeEvent(reader.message()));
  }
  return { header, created, canceled, compactRevision, cancelReason, events };
}

function decodeEvent(reader: MessageReader): WatchEvent {
  let type: WatchEvent['type'] = 'put';
  let kv: KeyValue = { key: '', value: '', createRevision: 0, modRevision: 0, lease: 0n };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) type = reader.number() === 1 ? 'delete' : 'put';
    else if (field === 2) kv = decodeKeyValue(reader.message());
  }
  return { type, kv };
}

function decodeKeyValue(reader: MessageReader): KeyValue {
  let key = '';
  let value = '';
  let createRevision = 0;
  let modRevision = 0;
  let lease = 0n;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) key = reader.text();
    else if (field === 2) createRevision = reader.number();
    else if (field === 3) modRevision = reader.number();
    else if (field === 5) value = reader.text();
    else if (field === 6) lease = reader.bigint();
  }
  return { key, value, createRevision, modRevision, lease };
}
