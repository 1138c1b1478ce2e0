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
import { hostIdError, isHostId, LeaseKeeper, Lifetime } from '@overlay/core/store';
import { concat, filter, NEVER, Observable, of, ReplaySubject, share, takeUntil } from 'rxjs';
import { acquireLease } from './allocation/acquire-lease.js';
import { removeExpired } from './allocation/put-lease.js';
import { LeaseDirectory } from './directory/lease-directory.js';
import type { LeaseRecord } from './directory/lease-record.js';
import { isExpired, leaseOf } from './directory/lease-record.js';
import { removeIf } from './directory/remove.js';
import { ticketDispenser } from './directory/work-names.js';
import type { LocalStoreOptions, LocalSubnetManagerOptions } from './options.js';
import { completeOptions } from './options.js';
import { LocalLeaseMender } from './own/lease-mender.js';
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
  readonly #own = new Map<string, { readonly mender: LocalLeaseMender; readonly keeper: LeaseKeeper }>();
  readonly #life = new Lifetime();
  readonly #removing = new Set<string>();

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
    this.config$ = configOf(options).pipe(takeUntil(this.#life.ended$));
    this.leases$ = new Observable<LeaseEvent>((subscriber) => {
      this.#view.start();
      if (this.#view.ready && !this.#life.closed) subscriber.next(this.#view.snapshot());
      return this.#view.events.subscribe(subscriber);
    });
  }

  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const what = `looking for the lease of host ${hostId} in ${this.#directory.path}`;
    // A directory that cannot be read now holds no lease that could be told; acquire waits for it.
    const records = await this.#life.ask(what, signal, () => this.#read().catch(() => this.#view.records()));
    let found: LeaseRecord | undefined;
    for (const record of records) {
      if (record.hostId === hostId && (found === undefined || record.writtenAt > found.writtenAt)) found = record;
    }
    return found && leaseOf(found);
  }

  async acquire(request: AcquireRequest, { signal }: { readonly signal: AbortSignal }): Promise<OwnLease> {
    const { hostId } = request;
    const what = `acquiring a subnet for host ${hostId} in ${this.#directory.path}`;
    if (!isHostId(hostId)) throw hostIdError(what);
    const { clock, logger, ttlMs, renewMarginMs } = this.#options;
    const context = { directory: this.#directory, clock, logger, ttlMs, renewMarginMs, read: () => this.#read() };
    const record = await this.#life.ask(what, signal, (either) => acquireLease(request, context, either));
    return this.#keep(hostId, record);
  }

  /**
   * Gives up what a host holds, for others to take at once. Not for a host whose lease is being kept by an agent, which
   * would write it again.
   *
   * @throws OverlayError `OVERLAY_ABORTED`, `OVERLAY_CLOSED`; system errors of writing.
   */
  async release(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const what = `releasing the lease of host ${hostId} in ${this.#directory.path}`;
    const ticket = ticketDispenser();
    const isOwn = (record: LeaseRecord): boolean => record.hostId === hostId;
    for (const record of [...(await this.#life.ask(what, signal, () => this.#read()))]) {
      if (isOwn(record)) removeIf(this.#directory, record.name, ticket(), isOwn);
    }
  }

  resync(): void {
    if (!this.#life.closed) this.#view.resync();
  }

  confirmedAt(): number | undefined {
    return this.#view.confirmedAt;
  }

  close(): Promise<void> {
    return this.#life.end(async () => {
      await Promise.all([...this.#own.values()].map(({ keeper }) => keeper.close()));
      await this.#view.close();
    });
  }

  #keep(hostId: string, record: LeaseRecord): OwnLease {
    let own = this.#own.get(hostId);
    if (own === undefined) {
      const { clock, logger, ttlMs, renewMarginMs } = this.#options;
      const [directory, view] = [this.#directory, this.#view];
      const mender = new LocalLeaseMender({ hostId, directory, view, clock, ttlMs, renewMarginMs }, record);
      const touched$ = view.looked.pipe(filter((name) => name === undefined || name === mender.name));
      const keeper = new LeaseKeeper({ mender, attributes: record.attributes, view, touched$, clock, logger });
      own = { mender, keeper };
      this.#own.set(hostId, own);
      // Something may have happened to the file since it was written.
      keeper.check();
    } else {
      own.mender.adopt(record);
      own.keeper.adopt(record.attributes);
    }
    const { keeper } = own;
    return {
      state$: keeper.state$,
      publish: (attributes: LeaseAttributes, options) => keeper.publish(attributes, options),
    };
  }

  async #read(): Promise<Iterable<LeaseRecord>> {
    await this.#view.refresh();
    return this.#view.records();
  }

  #removeAll(records: readonly LeaseRecord[]): void {
    for (const record of records) {
      const own = record.hostId !== undefined && this.#own.has(record.hostId);
      if (own || this.#removing.has(record.name) || this.#life.closed) continue;
      this.#removing.add(record.name);
      void this.#life.during(this.#remove(record)).finally(() => this.#removing.delete(record.name));
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
}

function configOf({ config$, netConf }: LocalSubnetManagerOptions): Observable<ConfigEvent> {
  if (config$ === undefined) return concat(of<ConfigEvent>({ type: 'config', netConf }), NEVER);
  // However many look at it, a file is followed once.
  return config$.pipe(share({ connector: () => new ReplaySubject<ConfigEvent>(1), resetOnRefCountZero: true }));
}
