import type { Lease, LeaseChange } from '@overlay/core';
import type { LeaseRecord } from '../directory/lease-record.js';
import { isExpired, leaseOf } from '../directory/lease-record.js';

/**
 * What is known of the directory, and what peers were told of it. Pure: it reads nothing and knows no time.
 *
 * The directory has files, peers have leases by key. Usually one file is one lease. Where a host has two files (it was
 * killed while it moved to another subnet) the one written last counts.
 */
export class LeaseBook {
  readonly #files = new Map<string, LeaseRecord>();
  readonly #namesOfKey = new Map<string, Set<string>>();
  readonly #told = new Map<string, LeaseRecord>();
  readonly #dirty = new Set<string>();
  /** When each file whose lease has ended was first seen so. */
  readonly #endedSince = new Map<string, number>();
  #nextDue = Infinity;

  constructor(private readonly graceMs: number) {}

  get(name: string): LeaseRecord | undefined {
    return this.#files.get(name);
  }

  names(): IterableIterator<string> {
    return this.#files.keys();
  }

  records(): IterableIterator<LeaseRecord> {
    return this.#files.values();
  }

  /** What peers are told at present. */
  told(): Lease[] {
    return Array.from(this.#told.values(), leaseOf);
  }

  /** When {@link expire} has something to do, at the earliest; `Infinity` for never. */
  get nextDue(): number {
    return this.#nextDue;
  }

  /** Whether peers believe in the lease of this file at present. */
  isTold(name: string): boolean {
    const record = this.#files.get(name);
    return record !== undefined && this.#told.get(record.key)?.name === name;
  }

  set(record: LeaseRecord): void {
    const before = this.#files.get(record.name);
    if (before === record) return;
    if (before !== undefined && before.key !== record.key) this.delete(record.name);
    this.#files.set(record.name, record);
    const names = this.#namesOfKey.get(record.key);
    if (names === undefined) this.#namesOfKey.set(record.key, new Set([record.name]));
    else names.add(record.name);
    this.#endedSince.delete(record.name);
    this.#nextDue = Math.min(this.#nextDue, record.expiresAt ?? Infinity);
    this.#dirty.add(record.key);
  }

  delete(name: string): void {
    const record = this.#files.get(name);
    if (record === undefined) return;
    this.#files.delete(name);
    this.#endedSince.delete(name);
    const names = this.#namesOfKey.get(record.key);
    names?.delete(name);
    if (names?.size === 0) this.#namesOfKey.delete(record.key);
    this.#dirty.add(record.key);
  }

  /**
   * Lets leases end. One that ends while peers know it stays for the grace time, so that its host can still renew it:
   * after the machine was suspended all leases seem to have ended at once.
   *
   * @returns the leases that ended longer than the grace time ago and are still there
   */
  expire(now: number): readonly LeaseRecord[] {
    const over: LeaseRecord[] = [];
    let next = Infinity;
    for (const record of this.#files.values()) {
      if (record.expiresAt === undefined) continue;
      if (!isExpired(record, now)) {
        next = Math.min(next, record.expiresAt);
        continue;
      }
      const since = this.#endedSince.get(record.name) ?? now;
      this.#endedSince.set(record.name, since);
      if (now - since >= this.graceMs) {
        over.push(record);
        if (this.isTold(record.name)) this.#dirty.add(record.key);
      } else {
        next = Math.min(next, since + this.graceMs);
      }
    }
    this.#nextDue = next;
    return over;
  }

  /** What peers have to learn since the last call. */
  takeChanges(now: number): LeaseChange[] {
    const changes: LeaseChange[] = [];
    for (const key of this.#dirty) {
      const before = this.#told.get(key);
      const current = this.#current(key, before, now);
      if (current === undefined) {
        if (before === undefined) continue;
        this.#told.delete(key);
        changes.push({ type: 'delete', key });
      } else {
        this.#told.set(key, current);
        if (current.text !== before?.text) changes.push({ type: 'set', lease: leaseOf(current) });
      }
    }
    this.#dirty.clear();
    return changes;
  }

  #current(key: string, told: LeaseRecord | undefined, now: number): LeaseRecord | undefined {
    let current: LeaseRecord | undefined;
    for (const name of this.#namesOfKey.get(key) ?? []) {
      const record = this.#files.get(name);
      if (record === undefined || this.#isOver(record, told, now) || isBare(record)) continue;
      if (current === undefined || isLater(record, current)) current = record;
    }
    return current;
  }

  #isOver(record: LeaseRecord, told: LeaseRecord | undefined, now: number): boolean {
    if (!isExpired(record, now)) return false;
    if (told?.name !== record.name) return true;
    const since = this.#endedSince.get(record.name);
    return since !== undefined && now - since >= this.graceMs;
  }
}

/** A reservation that names neither host nor address: it keeps its subnets free, but there is nobody to reach. */
function isBare({ hostId, attributes }: LeaseRecord): boolean {
  return hostId === undefined && attributes.ipv4 === undefined && attributes.ipv6 === undefined;
}

function isLater(a: LeaseRecord, b: LeaseRecord): boolean {
  return a.writtenAt > b.writtenAt || (a.writtenAt === b.writtenAt && a.name > b.name);
}
