import type { Clock, LeaseEvent, Logger } from '@overlay/core';
import { errorCode, errorText } from '@overlay/core';
import { Backoff, JunkLog, wait } from '@overlay/core/store';
import { BehaviorSubject, Subject } from 'rxjs';
import type { EtcdClient } from '../client/etcd-client.js';
import type { ResponseHeader, WatchEvent } from '../rpc/messages.js';
import { LeaseBook } from '../store/lease-book.js';
import type { StoreKeys } from '../store/store-keys.js';
import type { Ending } from './followed-watch.js';
import { FollowedWatch } from './followed-watch.js';
import type { Followed } from './history.js';
import { breakShownBy, findBreak } from './history.js';

export interface LeaseViewOptions {
  readonly client: EtcdClient;
  readonly keys: StoreKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly confirmMs: number;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * Before everything is listed again, hosts wait by chance up to so long for each lease, and in all at most: after a
 * compaction that many of them noticed, etcd would have to tell each of them everything at the same moment.
 */
const SPREAD_MS_A_LEASE = 3;
const LONGEST_SPREAD_MS = 30_000;
/** What has changed since is asked for by so many times as many hosts at once: most of them are told that nothing has. */
const CHANGES_AT_ONCE = 10;

/**
 * What is in etcd, kept up by a watch: one list, then every change from the next revision on. A watch that ends is
 * resumed where it was, if that is still of the same history; where it was compacted away, what has changed since is asked
 * for. Where neither is possible (keys were removed meanwhile, a store restored from a backup) everything is listed again.
 * No trouble ends it; it is logged once and tried again.
 */
export class LeaseView {
  readonly book: LeaseBook;
  /** What peers have to learn. Completed by {@link close}. */
  readonly events = new Subject<LeaseEvent>();
  /** After everything that etcd told, also what peers need not know. */
  readonly touched = new Subject<void>();
  /** Why etcd cannot be asked at present. */
  readonly trouble = new BehaviorSubject<string | undefined>(undefined);

  readonly #options: LeaseViewOptions;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  #running: Promise<void> | undefined;
  #watch: FollowedWatch | undefined;
  /** What is in the book. Undefined: nothing is, or it cannot be trusted. */
  #followed: Followed | undefined;
  /** Keys under the prefix, those among them that are not in the book. */
  #count = 0;
  /** Something may have befallen the store while nobody followed it. */
  #interrupted = false;
  #listed = false;
  /** It is not the store, or not the state of it, that the last list came from. */
  #wentBack = false;
  #wantsList = false;
  #confirmedAt: number | undefined;
  #failures = 0;
  #troubleKind: string | undefined;

  constructor(options: LeaseViewOptions) {
    this.#options = options;
    this.book = new LeaseBook(
      options.keys,
      new JunkLog({ logger: options.logger, store: 'etcd', things: 'keys under the prefix' }),
    );
  }

  /** Whether somebody wants it. */
  get started(): boolean {
    return this.#running !== undefined;
  }

  /** Whether everything was listed at least once. */
  get ready(): boolean {
    return this.#listed;
  }

  /** Everything up to a revision, unless it cannot be trusted at present. It may be behind. */
  known(): { readonly book: LeaseBook; readonly revision: number } | undefined {
    return this.#followed && { book: this.book, revision: this.#followed.revision };
  }

  get confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  start(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#run();
  }

  snapshot(): LeaseEvent {
    return { type: 'snapshot', leases: this.book.told() };
  }

  /** Has everything listed again. */
  resync(): void {
    this.#wantsList = true;
    this.start();
    this.#watch?.stop('asked for');
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#watch?.stop('closed');
    await this.#running;
    this.events.complete();
    this.touched.complete();
    this.trouble.complete();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        if (this.#followed === undefined || this.#wantsList) await this.#list(signal);
        let ending = await this.#follow(signal);
        if (ending === 'its history has been compacted away') ending = await this.#catchUp(ending, signal);
        if (ending !== 'asked for' && ending !== 'closed') await this.#forget(ending, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#interrupted = true;
        // A member that restarts, or a new certificate, is worth no line: the next one answers at once.
        if (++this.#failures > 1) this.#setTrouble(errorText(error), errorCode(error));
        await wait(this.#options.clock, this.#retryMs(), 'following etcd', signal).catch(() => undefined);
      }
    }
  }

  /** Where etcd was too busy for a list, all hosts wait for theirs: they are not to come back together. */
  #retryMs(): number {
    const { limit } = this.#options.client;
    const ms = this.#backoff.next();
    const listing = this.#followed === undefined || this.#wantsList;
    if (!listing || limit.factor === 1) return ms;
    return Math.max(ms, Math.random() * Math.max(LONGEST_RETRY_MS * limit.factor, this.#spreadMs()));
  }

  #spreadMs(): number {
    return Math.min(this.book.size * SPREAD_MS_A_LEASE, LONGEST_SPREAD_MS);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, keys, clock } = this.#options;
    this.#wantsList = false;
    let done = false;
    try {
      const { header, kvs } = await client.range(keys.all, { what: `listing ${keys.root}`, signal });
      const before = this.#followed;
      if (this.book.replace(kvs) || (before && breakShownBy(header, before) !== undefined)) this.#wentBack = true;
      this.#followed = header;
      this.#count = kvs.length;
      this.#interrupted = false;
      this.#confirmedAt = clock.now();
      done = true;
    } finally {
      this.#wantsList ||= !done;
    }
    this.#setTrouble(undefined);
    this.book.takeChanges();
    this.#listed = true;
    this.events.next({ type: 'snapshot', leases: this.book.told(), ...(this.#wentBack && { wentBack: true }) });
    this.#wentBack = false;
    this.touched.next();
  }

  /** Follows the changes until the watch cannot be resumed. @throws OverlayError when it can, after a while */
  async #follow(signal: AbortSignal): Promise<Ending> {
    const { client, keys, clock, confirmMs } = this.#options;
    const followed = this.#followed;
    if (followed === undefined) return 'asked for';
    const what = `watching ${keys.root}`;
    if (this.#interrupted) {
      const found = await findBreak(client, followed, this.book.newest(), { what, signal });
      if (found !== undefined) return found;
      this.#interrupted = false;
    }
    const watch = new FollowedWatch({
      ...{ client, clock, confirmMs, signal },
      request: { ...keys.all, startRevision: followed.revision + 1 },
      clusterId: followed.clusterId,
      what,
      alive: () => (this.#confirmedAt = clock.now()),
      steady: () => {
        this.#backoff.reset();
        this.#failures = 0;
        this.#setTrouble(undefined);
      },
      changed: ({ header, events }) => this.#take(header, events),
    });
    this.#watch = watch;
    try {
      return await watch.run();
    } finally {
      this.#watch = undefined;
    }
  }

  /**
   * The history from where it was followed was compacted away, which seldom means that anything of ours has changed: asks
   * for what has. Only a list tells more when keys were removed, or the store went back; gives back why then.
   */
  async #catchUp(why: Ending, signal: AbortSignal): Promise<Ending> {
    const { client, keys, clock, logger } = this.#options;
    const followed = this.#followed;
    if (followed === undefined) return why;
    await wait(clock, (Math.random() * this.#spreadMs()) / CHANGES_AT_ONCE, 'catching up', signal);
    const attempt = { what: `catching up with ${keys.root}`, signal };
    const found = await findBreak(client, followed, this.book.newest(), attempt);
    if (found !== undefined) return found;
    const minModRevision = followed.revision + 1;
    const { header, kvs, count } = await client.range({ ...keys.all, minModRevision }, attempt);
    const created = kvs.filter(({ createRevision }) => createRevision >= minModRevision).length;
    const shown = breakShownBy(header, followed);
    if (shown !== undefined || count !== this.#count + created) return shown ?? why;
    logger.info(`etcd: ${kvs.length} keys under ${keys.root} have changed: ${why}`);
    this.#take(
      header,
      kvs.map((kv) => ({ type: 'put', kv })),
      created,
    );
    this.#followed = header;
    return 'asked for';
  }

  /** @param created of how many keys these events are the first; told by the events themselves unless given */
  #take({ clusterId, term }: ResponseHeader, events: readonly WatchEvent[], created?: number): void {
    let revision = this.#followed?.revision ?? 0;
    for (const { type, kv } of events) {
      if (type === 'put') this.book.put(kv);
      else this.book.delete(kv.key);
      if (type === 'delete') this.#count--;
      else if (created === undefined && kv.createRevision === kv.modRevision) this.#count++;
      // Not the header's revision: an answer that is late is made with a later one.
      revision = Math.max(revision, kv.modRevision);
    }
    this.#count += created ?? 0;
    this.#followed = { clusterId, revision, term: Math.max(term, this.#followed?.term ?? 0) };
    const changes = this.book.takeChanges();
    if (changes.length > 0) this.events.next({ type: 'changes', changes });
    this.touched.next();
  }

  async #forget(why: Exclude<Ending, 'asked for' | 'closed'>, signal: AbortSignal): Promise<void> {
    const { logger, clock, keys } = this.#options;
    this.#wentBack ||= why !== 'its history has been compacted away';
    this.#followed = undefined;
    logger.info(`etcd: listing ${keys.root} again: ${why}`);
    await wait(clock, Math.random() * this.#spreadMs(), 'listing again', signal);
  }

  /** Members fail in turn, each with words of its own: as long as the kind of trouble is the same, nothing is news. */
  #setTrouble(trouble: string | undefined, kind?: string): void {
    if (trouble === undefined ? this.trouble.value === undefined : kind === this.#troubleKind) return;
    this.#troubleKind = kind;
    const { logger } = this.#options;
    if (trouble !== undefined) logger.warn(`${trouble}; what is known stays, trying again`);
    else logger.info('etcd: it answers again');
    this.trouble.next(trouble);
  }
}
