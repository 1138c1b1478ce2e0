import type { Subscription } from 'rxjs';
import { Observable } from 'rxjs';
import { firstValue } from '../deferred.js';
import type { Lease, LeaseEvent } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import { systemClock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { silentLogger } from '../ports/logger.js';
import { Lifetime } from '../store/lifetime.js';
import type { AcquireOptions, AcquireRequest, ConfigEvent, OwnLease, SubnetManager } from '../subnet-manager.js';
import type { Memory, SubnetSource } from './memory.js';
import { fits } from './memory.js';
import type { MemoryFile } from './memory-file.js';
import { RecalledLease } from './recalled-lease.js';
import { Recollection } from './recollection.js';
import { Recorder } from './recorder.js';

export interface RememberingSubnetManagerOptions {
  /** The store itself. Closed with this one. */
  readonly store: SubnetManager;
  /** The host whose memory this is. */
  readonly hostId: string;
  /** Names the store, by words that are others for another one: what is remembered of another is not used. */
  readonly storeName: string;
  readonly file: MemoryFile;
  /** Who says which subnet a host gets; by that it is judged whether a remembered one may be used. `configuration` unless told. */
  readonly subnetsFrom?: SubnetSource;
  /**
   * Milliseconds of silence after which the store counts as away: 700 unless told. One of which much is remembered is then
   * asked for this host's lease; if it answers that, it has 200 more for every megabyte, since it takes its time to tell all.
   */
  readonly silenceMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const SILENCE_MS = 700;
/** How long closing waits for what is still to be written. */
const LAST_WRITE_MS = 300;

/** How the store's own stream is joined with what is remembered of it. */
interface Joint<T> {
  readonly recall: (memory: Memory) => T;
  /** After which events of the store the memory is not asked any more. */
  readonly settles: (event: T) => boolean;
  /** Takes note of an event of the store; false when it is not to be told. */
  readonly note: (event: T) => boolean;
}

/**
 * A subnet manager in front of another one, which remembers in a file what that has said. When an agent starts and the
 * store is silent, it goes on with what is remembered: the configuration, this host's lease and all others, marked as
 * remembered, if the own lease has not ended and fits. Nothing of it is published. As soon as the store answers, only
 * what the store says counts.
 */
export class RememberingSubnetManager implements SubnetManager {
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;

  readonly #store: SubnetManager;
  readonly #hostId: string;
  readonly #subnetsFrom: SubnetSource;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  readonly #recollection: Recollection;
  readonly #life = new Lifetime();
  #subscription: Subscription | undefined;
  #ownSubscription: Subscription | undefined;
  #recalledLease: RecalledLease | undefined;

  constructor(options: RememberingSubnetManagerOptions) {
    const { store, hostId, storeName, file, silenceMs = SILENCE_MS } = options;
    const { subnetsFrom = 'configuration', clock = systemClock, logger = silentLogger } = options;
    this.#store = store;
    this.#hostId = hostId;
    this.#subnetsFrom = subnetsFrom;
    this.#clock = clock;
    const common = { file, clock, logger, owner: { hostId, store: storeName } };
    const confirmedAt = (): number | undefined => store.confirmedAt();
    this.#recorder = new Recorder({ ...common, snapshot: (signal) => this.#snapshot(signal), confirmedAt });
    this.#recollection = new Recollection({
      ...common,
      subnetsFrom,
      silenceMs,
      isHeard: () => confirmedAt() !== undefined,
      ask: (signal) => store.previous(hostId, { signal }),
    });
    this.config$ = this.#joined<ConfigEvent>(store.config$, {
      recall: ({ netConf }) => ({ type: 'config', netConf }),
      settles: ({ type }) => type === 'config',
      note: (event) => {
        if (event.type === 'config') this.#recorder.configured(event.netConf);
        // While there is nothing but the memory, the silence of the store is told as that.
        return event.type !== 'waiting' || this.#recollection.memory === undefined;
      },
    });
    this.leases$ = this.#joined<LeaseEvent>(store.leases$, {
      recall: ({ leases }) => ({ type: 'snapshot', leases, remembered: true }),
      settles: () => true,
      note: () => true,
    });
  }

  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    if (hostId !== this.#hostId) return this.#store.previous(hostId, { signal });
    return this.#life.ask(`looking for the lease of host ${hostId}`, signal, (either) =>
      this.#unlessRecalled(
        either,
        (asking) => this.#store.previous(hostId, { signal: asking }),
        ({ own }) => own,
      ),
    );
  }

  async acquire(request: AcquireRequest, options: AcquireOptions): Promise<OwnLease> {
    const { hostId, netConf } = request;
    if (hostId !== this.#hostId) return this.#store.acquire(request, options);
    const own = await this.#life.ask(`acquiring a subnet for host ${hostId}`, options.signal, (either) =>
      this.#unlessRecalled(
        either,
        (asking) => this.#store.acquire(request, { ...options, signal: asking }),
        (memory) => (fits(memory.own, netConf, this.#subnetsFrom) ? this.#recall(memory.own, request) : undefined),
      ),
    );
    if (own !== this.#recalledLease) this.#recalledLease?.giveUp();
    this.#ownSubscription?.unsubscribe();
    this.#ownSubscription = own.state$.subscribe(({ lease, remembered, lost }) => {
      if (!remembered && !lost) this.#recorder.holds(lease);
    });
    return own;
  }

  resync(): void {
    this.#store.resync();
  }

  confirmedAt(): number | undefined {
    return this.#store.confirmedAt() ?? this.#recollection.memory?.at;
  }

  close(): Promise<void> {
    return this.#life.end(async () => {
      this.#recollection.close();
      this.#subscription?.unsubscribe();
      this.#ownSubscription?.unsubscribe();
      this.#recalledLease?.close();
      const late = new AbortController();
      const cancel = this.#clock.after(LAST_WRITE_MS, () => late.abort());
      await this.#recorder.close(late.signal);
      cancel();
      await this.#store.close();
    });
  }

  /** Begins to follow the store, and to wait for its first word. */
  #start(): void {
    if (this.#subscription !== undefined || this.#life.closed) return;
    this.#recollection.begin();
    this.#subscription = this.#store.leases$.subscribe((event) => {
      this.#recorder.take(event);
      this.#recollection.answered();
    });
  }

  #recall(lease: Lease, request: AcquireRequest): OwnLease {
    const [store, hostId] = [this.#store, this.#hostId];
    const recalled = new RecalledLease({
      lease,
      attributes: request.attributes,
      clock: this.#clock,
      store: {
        previous: (signal) => store.previous(hostId, { signal }),
        snapshot: (signal) => this.#snapshot(signal),
        acquire: (attributes, signal) => store.acquire({ ...request, attributes, wanted: lease.subnets }, { signal }),
      },
    });
    this.#recalledLease?.giveUp();
    this.#recalledLease = recalled;
    return recalled;
  }

  /** All leases, from the store. */
  async #snapshot(signal: AbortSignal): Promise<readonly Lease[]> {
    const event = await firstValue(this.#store.leases$, 'listing the leases', signal);
    return event.type === 'snapshot' ? event.leases : [];
  }

  /** The store's stream; before that has said anything, what is remembered, if that is needed. */
  #joined<T>(stream: Observable<T>, { recall, settles, note }: Joint<T>): Observable<T> {
    return new Observable((subscriber) => {
      let settled = false;
      const subscription = stream.subscribe({
        next: (event) => {
          settled ||= settles(event);
          if (note(event)) subscriber.next(event);
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      });
      subscription.add(
        this.#recollection.recalled$.subscribe((memory) => {
          if (!settled && this.#recollection.memory === memory) subscriber.next(recall(memory));
        }),
      );
      this.#start();
      return subscription;
    });
  }

  /** What the store says; what is remembered once that is needed and gives something. */
  async #unlessRecalled<T>(
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<T>,
    recall: (memory: Memory) => T | undefined,
  ): Promise<T> {
    this.#start();
    const recalled = (): T | undefined => this.#recollection.memory && recall(this.#recollection.memory);
    const known = recalled();
    if (known !== undefined) return known;
    const asking = new AbortController();
    const asked = ask(AbortSignal.any([signal, asking.signal]));
    const decided = this.#recollection.decided(signal).catch(() => undefined);
    const answer = asked.then(
      (value) => ({ value }),
      () => undefined,
    );
    const first = await Promise.race([answer, decided]);
    if (first !== undefined) return first.value;
    // What has failed may have failed because the store is away.
    await decided;
    const value = signal.aborted ? undefined : recalled();
    if (value === undefined) return asked;
    asking.abort();
    return value;
  }
}
