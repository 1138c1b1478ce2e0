import type { AcquireRequest } from '@overlay/core';
import type { EtcdClient } from '../client/etcd-client.js';
import type { KeyValue, Operation, RangeResponse } from '../rpc/messages.js';
import type { HostRecord } from '../store/host-record.js';
import { speaksOf } from '../store/host-record.js';
import { LeaseBook } from '../store/lease-book.js';
import type { LeaseRecord } from '../store/lease-record.js';
import type { StoreKeys } from '../store/store-keys.js';
import { Occupancy } from './occupancy.js';

/** What has to be known of the store when a host asks for a lease. */
export interface Situation {
  /** Until this revision. */
  readonly revision: number;
  /** The lease that the host has already. */
  readonly own?: LeaseRecord;
  readonly host?: HostRecord;
  /** Other hosts that say they hold the own lease. */
  readonly former: readonly HostRecord[];
  /** What all other leases take. */
  readonly occupancy: Occupancy;
  /** Keys that keep IPv6 subnets, by their names. */
  readonly guards: ReadonlyMap<string, KeyValue>;
}

/** Asks etcd for everything. @throws OverlayError of the store, `OVERLAY_ABORTED` */
export async function readSituation(
  request: AcquireRequest,
  client: EtcdClient,
  keys: StoreKeys,
  attempt: { readonly what: string; readonly signal: AbortSignal },
): Promise<Situation> {
  const reading: Operation[] = [{ range: keys.leases }, { range: { key: keys.host(request.hostId) } }];
  if (request.netConf.ipv6 !== undefined) reading.push({ range: keys.guards });
  const { header, ranges } = await client.txn({ compare: [], success: reading }, attempt);
  const book = new LeaseBook(keys);
  for (const kv of ranges.flatMap(({ kvs }) => kvs)) book.put(kv);
  const own = findOwn(request, book);
  if (own !== undefined) {
    // Whom it was of before is seldom asked, so the records of all hosts are not read by everybody who starts.
    for (const kv of (await client.range(keys.hosts, attempt)).kvs) book.put(kv);
  }
  return situationOf(request, book, header.revision);
}

/** What a book of this revision says; that is known anyway may be behind. */
export function situationOf(request: AcquireRequest, book: LeaseBook, revision: number): Situation {
  const own = findOwn(request, book);
  const host = book.host(request.hostId);
  const occupancy = new Occupancy(request.netConf);
  for (const record of book.records()) if (record !== own) occupancy.add(record.name, record.subnets);
  const former = own === undefined ? [] : book.hostsOf(own.name).filter(({ id }) => id !== request.hostId);
  const guards = new Map([...book.guards()].map((kv) => [kv.key, kv]));
  return { revision, former, occupancy, guards, ...(own && { own }), ...(host && { host }) };
}

/** What to ask for in the same transaction that comes too late, to bring a situation up to date. */
export function laterReading({ revision, own }: Situation, request: AcquireRequest, keys: StoreKeys): Operation[] {
  const minCreateRevision = revision + 1;
  const reading: Operation[] = [
    { range: { ...keys.leases, keysOnly: true, minCreateRevision } },
    { range: { key: keys.host(request.hostId) } },
    { range: { key: own === undefined ? keys.host(request.hostId) : keys.lease(own.name), keysOnly: true } },
  ];
  if (request.netConf.ipv6 !== undefined) reading.push({ range: { ...keys.guards, minCreateRevision } });
  return reading;
}

/**
 * The situation after what {@link laterReading} brought. Undefined when more has changed than who holds which subnet:
 * then everything has to be read again.
 */
export function laterSituation(
  before: Situation,
  revision: number,
  answers: readonly RangeResponse[],
  keys: StoreKeys,
): Situation | undefined {
  const [leases, host, own, guards] = answers;
  if (leases === undefined) return undefined;
  if (host?.kvs[0]?.modRevision !== before.host?.modRevision) return undefined;
  if (before.own !== undefined && own?.kvs[0]?.modRevision !== before.own.modRevision) return undefined;
  for (const { key } of leases.kvs) {
    const kind = keys.kindOf(key);
    if (kind.kind === 'lease' && kind.name !== before.own?.name) before.occupancy.add(kind.name);
  }
  const all = new Map(before.guards);
  for (const kv of guards?.kvs ?? []) all.set(kv.key, kv);
  return { ...before, revision, guards: all };
}

/**
 * The lease that a host has already: the one that its identity names, else the one with its public address. That is how
 * flannel finds it; for a host that was made anew, it is all that is left of the old one.
 */
function findOwn({ hostId, attributes }: AcquireRequest, book: LeaseBook): LeaseRecord | undefined {
  const host = book.host(hostId);
  const named = host && book.record(host.name);
  if (host !== undefined && named !== undefined && speaksOf(host, named)) return named;
  const family = attributes.ipv4 !== undefined ? 'ipv4' : 'ipv6';
  const address = attributes[family]?.publicIP;
  if (address === undefined) return undefined;
  let found: LeaseRecord | undefined;
  for (const record of book.records()) {
    // Looking for the text first spares reading thousands of values.
    if (!record.text.includes(`"${address}"`) || record.attributes?.[family]?.publicIP !== address) continue;
    // Hosts with IPv6 alone all publish the IPv4 address 0.0.0.0.
    if (family === 'ipv6' && record.attributes.ipv4 !== undefined) continue;
    if (found === undefined || record.modRevision > found.modRevision) found = record;
  }
  return found;
}
