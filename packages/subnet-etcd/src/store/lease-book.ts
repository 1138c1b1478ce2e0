import type { Lease, LeaseChange } from '@overlay/core';
import type { KeyValue } from '../rpc/messages.js';
import type { HostRecord } from './host-record.js';
import { parseHostRecord, speaksOf } from './host-record.js';
import { LeaseRecord } from './lease-record.js';
import type { StoreKeys } from './store-keys.js';

/** Told of keys and values that are none of what belongs under the prefix. */
export interface JunkListener {
  junk(key: string, why: string, known: boolean): void;
  /** A key is gone or has become good. */
  clear(key: string): void;
  /** All others are gone. */
  keepOnly(keys: ReadonlySet<string>): void;
}

/**
 * What is under the prefix, and what peers were told of it. Pure: it asks nobody and knows no time.
 *
 * A lease's key for peers is the identity of the host that holds it; flanneld has none, its leases are known by their
 * names.
 */
export class LeaseBook {
  readonly #records = new Map<string, LeaseRecord>();
  readonly #hosts = new Map<string, HostRecord>();
  readonly #hostsOfLease = new Map<string, Set<string>>();
  readonly #guards = new Map<string, KeyValue>();
  readonly #told = new Map<string, Lease>();
  /** Under which key peers know a lease, by its name, and what its value was then. */
  readonly #toldAs = new Map<string, { readonly key: string; readonly record: LeaseRecord }>();
  readonly #dirty = new Set<string>();
  #config: string | undefined;

  constructor(
    private readonly keys: StoreKeys,
    private readonly listener?: JunkListener,
  ) {}

  /** The text of the network's configuration. */
  get config(): string | undefined {
    return this.#config;
  }

  get size(): number {
    return this.#records.size;
  }

  record(name: string): LeaseRecord | undefined {
    return this.#records.get(name);
  }

  records(): IterableIterator<LeaseRecord> {
    return this.#records.values();
  }

  host(id: string): HostRecord | undefined {
    return this.#hosts.get(id);
  }

  guards(): IterableIterator<KeyValue> {
    return this.#guards.values();
  }

  /** The key that keeps an IPv6 subnet for a lease; its value is the lease's name. */
  guard(key: string): KeyValue | undefined {
    return this.#guards.get(key);
  }

  /** The hosts that say they hold a lease, of the present or of former times. */
  hostsOf(name: string): HostRecord[] {
    return Array.from(this.#hostsOfLease.get(name) ?? [], (id) => this.#hosts.get(id)).filter(
      (host) => host !== undefined,
    );
  }

  /** The host that holds a lease, as far as anybody says so: whoever wrote it, else the last to say so. */
  holder(record: LeaseRecord): HostRecord | undefined {
    let holder: HostRecord | undefined;
    for (const host of this.hostsOf(record.name)) {
      if (!speaksOf(host, record)) continue;
      if (holder === undefined || precedes(host, holder, record)) holder = host;
    }
    return holder;
  }

  put(kv: KeyValue): void {
    const kind = this.keys.kindOf(kv.key);
    switch (kind.kind) {
      case 'config':
        this.#config = kv.value;
        break;
      case 'lease':
        this.#putLease(kind.name, kv);
        break;
      case 'host':
        this.#putHost(kind.id, kv);
        break;
      case 'guard':
        this.#guards.set(kv.key, kv);
        break;
      case 'stray':
        this.listener?.junk(
          kv.key,
          'flanneld takes it for a broken lease and then drops all its routes; delete it',
          false,
        );
        break;
      case 'foreign':
        break;
    }
  }

  delete(key: string): void {
    const kind = this.keys.kindOf(key);
    this.listener?.clear(key);
    if (kind.kind === 'config') this.#config = undefined;
    else if (kind.kind === 'guard') this.#guards.delete(key);
    else if (kind.kind === 'host') this.#deleteHost(kind.id);
    else if (kind.kind === 'lease' && this.#records.delete(kind.name)) this.#dirty.add(kind.name);
  }

  /**
   * Takes a complete list in place of all that was known. A value that can no longer be read stays as it was read.
   *
   * @returns whether a key has an earlier revision than was known of it: the list is of a store that went back
   */
  replace(kvs: Iterable<KeyValue>): boolean {
    const keys = new Set<string>();
    let wentBack = false;
    for (const kv of kvs) {
      keys.add(kv.key);
      wentBack ||= kv.modRevision < (this.#known(kv.key)?.modRevision ?? 0);
      this.put(kv);
    }
    for (const name of this.#records.keys()) if (!keys.has(this.keys.lease(name))) this.delete(this.keys.lease(name));
    for (const id of this.#hosts.keys()) if (!keys.has(this.keys.host(id))) this.#deleteHost(id);
    for (const key of this.#guards.keys()) if (!keys.has(key)) this.#guards.delete(key);
    if (!keys.has(this.keys.config)) this.#config = undefined;
    this.listener?.keepOnly(keys);
    return wentBack;
  }

  /** The key that was changed last, of those that are there. */
  newest(): { readonly key: string; readonly modRevision: number } | undefined {
    let newest: { readonly key: string; readonly modRevision: number } | undefined;
    const look = (modRevision: number, key: () => string): void => {
      if (modRevision > (newest?.modRevision ?? 0)) newest = { key: key(), modRevision };
    };
    for (const { name, modRevision } of this.#records.values()) look(modRevision, () => this.keys.lease(name));
    for (const { id, modRevision } of this.#hosts.values()) look(modRevision, () => this.keys.host(id));
    for (const { key, modRevision } of this.#guards.values()) look(modRevision, () => key);
    return newest;
  }

  /** What peers have to learn since the last call. */
  takeChanges(): LeaseChange[] {
    const gone = new Set<string>();
    const set = new Map<string, Lease>();
    for (const name of this.#dirty) {
      const before = this.#toldAs.get(name);
      const record = this.#records.get(name);
      const key = record && this.#keyOf(record);
      if (before !== undefined && before.key !== key) {
        this.#toldAs.delete(name);
        gone.add(before.key);
      }
      if (record?.attributes === undefined || key === undefined) continue;
      if (before?.key === key && (before.record.text === record.text || record.problem !== undefined)) continue;
      this.#toldAs.set(name, { key, record });
      set.set(key, { key, subnets: record.subnets, attributes: record.attributes });
    }
    this.#dirty.clear();
    const changes: LeaseChange[] = [];
    for (const key of gone) {
      if (set.has(key)) continue;
      this.#told.delete(key);
      changes.push({ type: 'delete', key });
    }
    for (const [key, lease] of set) {
      this.#told.set(key, lease);
      changes.push({ type: 'set', lease });
    }
    return changes;
  }

  /** What peers are told at present. */
  told(): Lease[] {
    return [...this.#told.values()];
  }

  #known(key: string): { readonly modRevision: number } | undefined {
    if (this.#records.size + this.#hosts.size === 0) return undefined;
    const kind = this.keys.kindOf(key);
    if (kind.kind === 'lease') return this.#records.get(kind.name);
    if (kind.kind === 'host') return this.#hosts.get(kind.id);
    return kind.kind === 'guard' ? this.#guards.get(key) : undefined;
  }

  /** Undefined when there is nobody to reach: a reservation for nobody, or a value that never was readable. */
  #keyOf(record: LeaseRecord): string | undefined {
    const { attributes } = record;
    if (attributes === undefined) return undefined;
    const holder = this.holder(record);
    if (holder !== undefined) return holder.id;
    return attributes.ipv4 === undefined && attributes.ipv6 === undefined ? undefined : record.name;
  }

  #putLease(name: string, kv: KeyValue): void {
    const record = LeaseRecord.of(name, kv);
    if (record === undefined) {
      this.listener?.junk(
        kv.key,
        "its name is none of flannel's; delete it, flanneld drops all its routes for it",
        false,
      );
      return;
    }
    const before = this.#records.get(name);
    if (before !== undefined) record.keepReading(before);
    this.#records.set(name, record);
    this.#dirty.add(name);
    // Whoever has no listener wants to know a few values at most.
    if (this.listener === undefined) return;
    if (record.problem === undefined) this.listener.clear(kv.key);
    else this.listener.junk(kv.key, record.problem, record.attributes !== undefined);
  }

  #putHost(id: string, kv: KeyValue): void {
    const host = parseHostRecord(id, kv);
    this.#deleteHost(id);
    if (host === undefined) {
      this.listener?.junk(kv.key, 'it names no lease', false);
      return;
    }
    this.listener?.clear(kv.key);
    this.#hosts.set(id, host);
    const ids = this.#hostsOfLease.get(host.name);
    if (ids === undefined) this.#hostsOfLease.set(host.name, new Set([id]));
    else ids.add(id);
    this.#dirty.add(host.name);
  }

  #deleteHost(id: string): void {
    const host = this.#hosts.get(id);
    if (host === undefined) return;
    this.#hosts.delete(id);
    const ids = this.#hostsOfLease.get(host.name);
    ids?.delete(id);
    if (ids?.size === 0) this.#hostsOfLease.delete(host.name);
    this.#dirty.add(host.name);
  }
}

/** Whether `a` rather than `b` holds the lease: it has written it, or says so later. */
function precedes(a: HostRecord, b: HostRecord, record: LeaseRecord): boolean {
  const [wroteA, wroteB] = [a.lease === record.lease, b.lease === record.lease];
  return wroteA === wroteB ? a.modRevision > b.modRevision : wroteA;
}
