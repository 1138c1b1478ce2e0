import type { LeaseAttributes, PerFamily, Prefix } from '@overlay/core';
import { parseLeaseKey, parseLeaseValue } from '@overlay/core';
import type { KeyValue } from '../rpc/messages.js';

/** One lease as it is in etcd. Its value is read when somebody wants to know it. */
export class LeaseRecord {
  /** The last part of its key. */
  readonly name: string;
  readonly subnets: PerFamily<Prefix>;
  /** Its value as it is. */
  readonly text: string;
  /** The etcd lease that it ends with, 0 for a reservation. */
  readonly lease: bigint;
  readonly modRevision: number;
  #attributes: LeaseAttributes | undefined;
  #problem: string | undefined;
  #read = false;

  /** Undefined when the name is no lease's. */
  static of(name: string, kv: KeyValue): LeaseRecord | undefined {
    const subnets = parseLeaseKey(name);
    return subnets && new LeaseRecord(name, subnets, kv);
  }

  private constructor(name: string, subnets: PerFamily<Prefix>, { value, lease, modRevision }: KeyValue) {
    this.name = name;
    this.subnets = subnets;
    this.text = value;
    this.lease = lease;
    this.modRevision = modRevision;
  }

  /** What its holder publishes, or undefined when the value is none of flannel's. */
  get attributes(): LeaseAttributes | undefined {
    this.#parse();
    return this.#attributes;
  }

  /** What is wrong with the value, if anything is. */
  get problem(): string | undefined {
    this.#parse();
    return this.#problem;
  }

  /** Goes on with what was read before: the value has become unreadable. */
  keepReading(before: LeaseRecord): void {
    this.#parse();
    this.#attributes ??= before.attributes;
  }

  #parse(): void {
    if (this.#read) return;
    this.#read = true;
    const reading = parseLeaseValue(this.text);
    if ('problem' in reading) this.#problem = reading.problem;
    else this.#attributes = reading.attributes;
  }
}
