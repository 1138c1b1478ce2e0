import type { PerFamily, Prefix } from '@overlay/core';
import type { Compare, KeyValue, Operation, TxnRequest } from '../rpc/messages.js';
import type { HostRecord } from '../store/host-record.js';
import type { LeaseRecord } from '../store/lease-record.js';
import type { StoreKeys } from '../store/store-keys.js';

/** What is to be in etcd for one host, and what was there when that was decided. */
export interface LeaseWrite {
  readonly hostId: string;
  readonly name: string;
  readonly subnets: PerFamily<Prefix>;
  /** Flannel's value. */
  readonly text: string;
  readonly hostText: string;
  /** The etcd lease to write them with, 0 for none. */
  readonly lease: bigint;
  /** The lease that the host has: of this name, or of another, which then goes. */
  readonly own?: LeaseRecord;
  /** This host's record as it was. */
  readonly host?: HostRecord;
  /** What keeps the IPv6 subnet, if anything was found there that no lease stands behind any more. */
  readonly guard?: KeyValue;
  /** Records of hosts that the lease was of before. They go. */
  readonly former?: readonly HostRecord[];
}

/**
 * The one transaction that takes, moves or renews a lease. It happens only if nobody has touched what it is about since
 * it was looked at, and no other lease has come up with one of the subnets.
 *
 * The order of the operations is that of the events: the old lease goes before the new one comes, so that flanneld never
 * sees two leases of one IPv4 subnet.
 */
export function leaseTransaction(write: LeaseWrite, keys: StoreKeys): TxnRequest {
  const { hostId, name, subnets, text, hostText, lease, own, host, guard, former = [] } = write;
  const key = keys.lease(name);
  const compare: Compare[] = [{ key: keys.host(hostId), modRevision: host?.modRevision ?? 0 }];
  const success: Operation[] = [];
  if (own !== undefined) compare.push({ key: keys.lease(own.name), modRevision: own.modRevision });
  if (own?.name !== name) {
    // A lease that keeps its IPv4 subnet and changes in the other family has that subnet to itself already.
    const kept = subnets.ipv4 !== undefined && own?.subnets.ipv4 === subnets.ipv4;
    if (subnets.ipv4 !== undefined && !kept) compare.push({ ...keys.leasesWith(subnets.ipv4), modRevision: 0 });
    else compare.push({ key, modRevision: 0 });
    if (own !== undefined) success.push({ delete: { key: keys.lease(own.name) } });
    const oldGuard = own?.subnets.ipv6;
    if (oldGuard !== undefined && oldGuard !== subnets.ipv6) success.push({ delete: { key: keys.guard(oldGuard) } });
  }
  for (const { id, modRevision } of former) {
    compare.push({ key: keys.host(id), modRevision });
    success.push({ delete: { key: keys.host(id) } });
  }
  if (own?.name !== name || own.text !== text || own.lease !== lease)
    success.push({ put: { key, value: text, lease } });
  success.push({ put: { key: keys.host(hostId), value: hostText, lease } });
  if (subnets.ipv6 !== undefined) {
    const guardKey = keys.guard(subnets.ipv6);
    if (own?.subnets.ipv6 !== subnets.ipv6) compare.push({ key: guardKey, modRevision: guard?.modRevision ?? 0 });
    success.push({ put: { key: guardKey, value: name, lease } });
  }
  return { compare, success };
}
