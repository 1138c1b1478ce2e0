import type { Clock, Lease, LeaseAttributes } from '@overlay/core';
import { errorText, parseLeaseKey } from '@overlay/core';
import type { LeaseMender, Mended } from '@overlay/core/store';
import { jittered, Patience, subnetsText } from '@overlay/core/store';
import type { Holder } from '../allocation/claim.js';
import type { Put } from '../allocation/put-lease.js';
import { putLease } from '../allocation/put-lease.js';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseRecord } from '../directory/lease-record.js';
import { isExpired, leaseOf } from '../directory/lease-record.js';
import { ticketDispenser } from '../directory/work-names.js';
import { encodeLease } from '../format/lease-content.js';
import type { LeaseView } from '../view/lease-view.js';

export interface LocalLeaseMenderOptions {
  readonly hostId: string;
  readonly directory: LeaseDirectory;
  readonly view: LeaseView;
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly renewMarginMs: number;
}

/** Before looking again when somebody else wrote in the same moment. */
const COLLIDED_MS = 20;
const LONGEST_PATIENCE_MS = 10_000;

/** One host's lease in the directory: renewed, rewritten with other attributes, written again when it was removed or spoilt. */
export class LocalLeaseMender implements LeaseMender {
  readonly #options: LocalLeaseMenderOptions;
  readonly #patience: Patience;
  /** The lease as it was last written or read. */
  #record: LeaseRecord;
  #lease: Lease;
  /** What was undone has been waited for, and is to be written now. */
  #waited = false;

  constructor(options: LocalLeaseMenderOptions, record: LeaseRecord) {
    this.#options = options;
    this.#patience = new Patience(options.clock, LONGEST_PATIENCE_MS);
    this.#record = record;
    this.#lease = leaseOf(record);
  }

  get lease(): Lease {
    return this.#lease;
  }

  get dueAt(): number | undefined {
    const { expiresAt } = this.#record;
    return expiresAt === undefined ? undefined : expiresAt - this.#options.renewMarginMs;
  }

  /** The name of the file. */
  get name(): string {
    return this.#record.name;
  }

  /** Goes on with another record of the same host. */
  adopt(record: LeaseRecord): void {
    if (record === this.#record) return;
    this.#record = record;
    this.#lease = leaseOf(record);
  }

  needsMending(): boolean {
    // The file itself is looked at, which costs hardly anything.
    return true;
  }

  async mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { directory, clock } = this.#options;
    const reading = directory.read(this.#record.name, this.#record);
    if (reading.kind === 'trouble') throw reading.error;
    let undone: string | undefined;
    let moved: LeaseRecord | undefined;
    if (reading.kind === 'lease' && this.#isOwn(reading.record)) {
      const changed = !this.#differs(this.#record, attributes) && this.#differs(reading.record, attributes);
      this.adopt(reading.record);
      if (!this.#differs(reading.record, attributes) && !this.#isDue()) {
        this.#waited = false;
        return { kind: 'done' };
      }
      if (changed) undone = 'keeps being changed by somebody else';
    } else if (reading.kind === 'lease' && !isExpired(reading.record, clock.now())) {
      return this.#heldBy([{ key: reading.record.key, name: reading.record.name }]);
    } else if (reading.kind === 'junk' && !reading.replaceable) {
      return this.#heldBy([{ name: this.#record.name }]);
    } else if ((moved = this.#elsewhere()) !== undefined) {
      return { kind: 'done', problem: this.#movedText(moved), lost: true };
    } else {
      undone = 'keeps being removed or spoilt';
      directory.create();
    }
    const patience = undone === undefined ? undefined : this.#bePatient(undone);
    if (patience !== undefined) return patience;
    const put = await this.#put(attributes, signal);
    if (put.kind === 'taken') return this.#heldBy(put.by);
    if (put.kind !== 'written') return { kind: 'again', afterMs: jittered(COLLIDED_MS) };
    this.adopt(put.record);
    return { kind: 'done' };
  }

  failure(error: unknown): { readonly problem: string } {
    const { directory } = this.#options;
    return { problem: `it cannot be written in ${directory.path}: ${errorText(error)}; trying again` };
  }

  #put(attributes: LeaseAttributes, signal: AbortSignal): Promise<Put> {
    const { hostId, directory, clock, ttlMs } = this.#options;
    const { subnets, expiresAt } = this.#record;
    const expiry = expiresAt !== undefined && { expiresAt: clock.now() + ttlMs };
    return putLease(
      { hostId, subnets, attributes, ...expiry },
      { directory, clock, signal, ticket: ticketDispenser(), isOwn: (record) => this.#isOwn(record) },
    );
  }

  /** Another lease of this host in the place of ours: of another subnet manager, or of a store that was exchanged. */
  #elsewhere(): LeaseRecord | undefined {
    const { view, clock, directory, hostId } = this.#options;
    if (!directory.isThere()) return undefined;
    const holders = new Map<string, string | undefined>();
    for (const { name, hostId: holder } of view.records()) holders.set(name, holder);
    for (const name of directory.names()) {
      if (name === this.#record.name || parseLeaseKey(name) === undefined) continue;
      // The view may be a moment behind: what it does not know is looked at.
      if (holders.has(name) && holders.get(name) !== hostId) continue;
      const reading = directory.read(name);
      if (reading.kind === 'lease' && this.#isOwn(reading.record) && !isExpired(reading.record, clock.now())) {
        return reading.record;
      }
    }
    return undefined;
  }

  #movedText({ subnets, name }: LeaseRecord): string {
    return (
      `the store has ${subnetsText(subnets)} for this host, and our ${subnetsText(this.#record.subnets)} no more: ` +
      `traffic goes on as before; restart this agent or run overlay apply to move there, or remove ` +
      this.#options.directory.file(name)
    );
  }

  /** How long to wait before writing again what somebody undoes; nothing when it is time. */
  #bePatient(undone: string): Mended | undefined {
    const waited = this.#waited;
    this.#waited = false;
    const afterMs = waited ? 0 : this.#patience.next();
    if (afterMs === 0) return undefined;
    this.#waited = true;
    return { kind: 'again', afterMs, problem: `it ${undone}; writing it again, ever more slowly` };
  }

  #heldBy(holders: readonly Holder[]): Mended {
    const { directory } = this.#options;
    const who = holders.map(
      ({ key, name }) => `${key === undefined ? 'no lease' : `host ${key}`}, ${directory.file(name)}`,
    );
    const problem =
      `our ${subnetsText(this.#record.subnets)} is held by another (${who.join('; ')}): traffic goes on as before; ` +
      'remove that file, or restart this agent or run overlay apply to take another subnet';
    return { kind: 'done', problem, lost: true };
  }

  #isOwn(record: LeaseRecord): boolean {
    return record.hostId === this.#options.hostId;
  }

  #differs(record: LeaseRecord, attributes: LeaseAttributes): boolean {
    const { hostId } = this.#options;
    return record.text !== `${record.name} ${encodeLease({ attributes, hostId })}`;
  }

  #isDue(): boolean {
    return this.dueAt !== undefined && this.dueAt <= this.#options.clock.now();
  }
}
