import type { EtcdClient } from '../client/etcd-client.js';
import type { Compare, Operation } from '../rpc/messages.js';
import { speaksOf } from '../store/host-record.js';
import { LeaseBook } from '../store/lease-book.js';
import type { StoreKeys } from '../store/store-keys.js';

export interface Releasing {
  readonly client: EtcdClient;
  readonly keys: StoreKeys;
  /** What is done, for errors. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/**
 * Removes a host's record and the lease that it speaks of, in one transaction; what is no lease of this host stays.
 *
 * @returns false when somebody has changed any of it since it was looked at: nothing has happened
 * @throws OverlayError
 */
export async function releaseLease(hostId: string, { client, keys, what, signal }: Releasing): Promise<boolean> {
  const book = new LeaseBook(keys);
  const hostKey = keys.host(hostId);
  for (const kv of (await client.range({ key: hostKey }, { what, signal })).kvs) book.put(kv);
  const host = book.host(hostId);
  if (host === undefined) return true;
  const leaseKey = keys.lease(host.name);
  for (const kv of (await client.range({ key: leaseKey }, { what, signal })).kvs) book.put(kv);
  const record = book.record(host.name);
  const compare: Compare[] = [{ key: hostKey, modRevision: host.modRevision }];
  const success: Operation[] = [{ delete: { key: hostKey } }];
  if (record !== undefined && record.lease !== 0n && speaksOf(host, record)) {
    compare.push({ key: leaseKey, modRevision: record.modRevision });
    success.push({ delete: { key: leaseKey } });
    if (record.subnets.ipv6 !== undefined) success.push({ delete: { key: keys.guard(record.subnets.ipv6) } });
  }
  return (await client.txn({ compare, success }, { what, signal })).succeeded;
}
