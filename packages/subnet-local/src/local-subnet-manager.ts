import { resolve } from 'node:path';
import type {
  AcquireRequest,
  ConfigEvent,
  Lease,
  LeaseEvent,
  LeaseAttributes,
  OwnLease,
  SubnetManager,
} from '@overlay/core';
import { OverlayError, throwIfAborted } from '@overlay/core';
import { concat, NEVER, Observable, of, ReplaySubject, share, Subject, takeUntil } from 'rxjs';
import { acquireLease } from './allocation/acquire-lease.js';
import { removeExpired } from './allocation/put-lease.js';
import { LeaseDirectory } from './directory/lease-directory.js';
import type { LeaseRecord } from './directory/lease-record.js';
import { isExpired, leaseOf } from './directory/lease-record.js';
import { removeIf } from './directory/remove.js';
import { ticketDispenser } from './directory/work-names.js';
import { isHostId } from './format/lease-content.js';
import type { LocalStoreOptions, LocalSubnetManagerOptions } from './options.js';
import { completeOptions } from './options.js';
import { LeaseKeeper } from './own/lease-keeper.js';
import { LeaseView } from './view/lease-view.js';

/**
 * Leases as files in one directory, shared by all agents of a machine, in one process or many. No server, no lock: see
 * allocation/claim.ts for why no subnet is given twice. The directory is watched from the first use on until
 * {@link close}.
 */
export class LocalSubnetManager implements SubnetManager {
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;

  readonly #options: Required<LocalStoreOptions>;
  readonly #directory: LeaseDirectory;
  readonly #view: LeaseView;
  readonly #keepers = new Map<string, LeaseKeeper>();
  readonly #closing = new AbortController();
  readonly #closed$ = new Subject<void>();
  /** What is under way and has to end before {@link close} does. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #removing = new Set<string>();
  #closed: Promise<void> | undefined;

  /** @throws OverlayError `OVERLAY_OPTION_INVALID` */
  constructor(options: LocalSubnetManagerOptions) {
    this.#options = completeOptions(options);
    const { clock, logger, pollMs, graceMs } = this.#options;
    this.#directory = new LeaseDirectory(resolve(this.#options.directory));
    this.#view = new LeaseView({
      directory: this.#directory,
      clock,
      logger,
      pollMs,
      graceMs,
      onOver: (records) => this.#removeAll(records),
    });
    this.config$ = configOf(options).pipe(takeUntil(this.#closed$));
    this.leases$ = new Observable<LeaseEvent>((subscriber) => {
      this.#view.start();
      if (this.#view.ready && this.#closed === undefined) subscriber.next(this.#view.snapshot());
      return this.#view.events.subscribe(subscriber);
    });
  }

  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const what = `looking for the lease of host ${hostId} in ${this.#directory.path}`;
    this.#check(what, signal);
    // A directory that cannot be read now holds no lease that could be told; acquire waits for it.
    const records = await this.#during(this.#read()).catch(() => this.#view.records());
    this.#check(what, signal);
    let found: LeaseRecord | undefined;
    for (const record of records) {
      if (record.hostId === hostId && (found === undefined || record.writtenAt > found.writtenAt)) found = record;
    }
    return found && leaseOf(found);
  }

  async acquire(request: AcquireRequest, { signal }: { readonly signal: AbortSignal }): Promise<OwnLease> {
    const { hostId } = request;
    const what = `acquiring a subnet for host ${hostId} in ${this.#directory.path}`;
    if (!isHostId(hostId)) {
      throw new OverlayError(
        'OVERLAY_LEASE_INVALID',
        `${what}: expected a host identity of 1 to 256 characters without control characters; set another (--host-id)`,
      );
    }
    this.#check(what, signal);
    const { clock, logger, ttlMs, renewMarginMs } = this.#options;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    let record: LeaseRecord;
    try {
      record = await this.#during(
        acquireLease(
          request,
          { directory: this.#directory, clock, logger, ttlMs, renewMarginMs, read: () => this.#read() },
          either,
        ),
      );
    } catch (error) {
      this.#check(what, signal);
      throw error;
    }
    this.#check(what, signal);
    return this.#keep(hostId, record);
  }

  /**
   * Gives up what a host holds, for others to take at once. Not for a host whose lease is being kept by an agent, which
   * would write it again.
   *
   * @throws OverlayError `OVERLAY_ABORTED`, `OVERLAY_CLOSED`; system errors of writing.
   */
  async release(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#check(`releasing the lease of host ${hostId} in ${this.#directory.path}`, signal);
    const ticket = ticketDispenser();
    const isOwn = (record: LeaseRecord): boolean => record.hostId === hostId;
    for (const record of [...(await this.#during(this.#read()))]) {
      if (isOwn(record)) removeIf(this.#directory, record.name, ticket(), isOwn);
    }
  }

  resync(): void {
    if (this.#closed === undefined) this.#view.resync();
  }

  confirmedAt(): number | undefined {
    return this.#view.confirmedAt;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#closed$.next();
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.close()));
    await this.#view.close();
    await Promise.allSettled(this.#pending);
  }

  #keep(hostId: string, record: LeaseRecord): OwnLease {
    let keeper = this.#keepers.get(hostId);
    if (keeper === undefined) {
      const { clock, logger, ttlMs, renewMarginMs } = this.#options;
      const [directory, view] = [this.#directory, this.#view];
      keeper = new LeaseKeeper({ hostId, directory, view, clock, logger, ttlMs, renewMarginMs }, record);
      this.#keepers.set(hostId, keeper);
    } else {
      keeper.adopt(record);
    }
    const kept = keeper;
    return {
      state$: kept.state$,
      publish: (attributes: LeaseAttributes, options) => kept.publish(attributes, options),
    };
  }

  async #read(): Promise<Iterable<LeaseRecord>> {
    await this.#view.refresh();
    return this.#view.records();
  }

  #removeAll(records: readonly LeaseRecord[]): void {
    for (const record of records) {
      const own = record.hostId !== undefined && this.#keepers.has(record.hostId);
      if (own || this.#removing.has(record.name) || this.#closed !== undefined) continue;
      this.#removing.add(record.name);
      void this.#during(this.#remove(record)).finally(() => this.#removing.delete(record.name));
    }
  }

  async #remove(record: LeaseRecord): Promise<void> {
    const { clock, logger } = this.#options;
    const reading = this.#directory.read(record.name, record);
    if (reading.kind !== 'lease' || !isExpired(reading.record, clock.now())) return;
    try {
      await removeExpired(reading.record, { directory: this.#directory, clock });
    } catch (error) {
      logger.debug(`removing the lease ${record.name}, which has ended: ${String(error)}`);
    }
  }

  async #during<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  #check(what: string, signal: AbortSignal): void {
    if (this.#closed !== undefined) {
      throw new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
    }
    throwIfAborted(what, signal);
  }
}

function configOf({ config$, netConf }: LocalSubnetManagerOptions): Observable<ConfigEvent> {
  if (config$ === undefined) return concat(of<ConfigEvent>({ type: 'config', netConf }), NEVER);
  // However many look at it, a file is followed once.
  return config$.pipe(share({ connector: () => new ReplaySubject<ConfigEvent>(1), resetOnRefCountZero: true }));
}
