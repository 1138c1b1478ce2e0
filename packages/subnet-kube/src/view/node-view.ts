import type { Clock, LeaseEvent, Logger } from '@overlay/core';
import { errorCode, errorText } from '@overlay/core';
import { Backoff, JunkLog, wait } from '@overlay/core/store';
import { BehaviorSubject, Subject } from 'rxjs';
import type { ApiClient } from '../api/api-client.js';
import type { NodeFacts } from '../node/node-facts.js';
import type { OwnName } from '../node/own-name.js';
import { NodeBook } from './node-book.js';
import type { NodeListener } from './node-source.js';
import { HistoryLost, isHistoryLost, NodeSource } from './node-source.js';

export interface NodeViewOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the names of our annotations begin with. */
  readonly start: string;
  readonly ownName: OwnName;
  readonly silenceMs: number;
  readonly spreadMs: number;
  /** From 0 up to, not including, 1: how much of the spread this host waits. `Math.random` unless told. */
  readonly random?: () => number;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** A watch that the API server ended sooner than that is begun again ever more slowly. */
const HASTY_MS = 1_000;

/** Before everything is read again, hosts wait by chance up to so long for each Node, and in all at most `spreadMs`. */
const SPREAD_MS_A_NODE = 6;

/** The own Node: as it was last told, or that it is not there. */
export type OwnNodeState = NodeFacts | 'absent';

/**
 * All Nodes as the API server tells them: everything once, then every change. A watch that ends is resumed where it was;
 * where that cannot be, everything is read again, not by all hosts at once. No trouble ends it; it is logged once and
 * tried again.
 */
export class NodeView {
  /** What peers have to learn. Completed by {@link close}. */
  readonly events = new Subject<LeaseEvent>();
  /** The own Node, once something is known of it. */
  readonly own = new BehaviorSubject<OwnNodeState | undefined>(undefined);
  /** Why the API server cannot be asked at present. */
  readonly trouble = new BehaviorSubject<string | undefined>(undefined);

  readonly #options: NodeViewOptions;
  readonly #source: NodeSource;
  readonly #junk: JunkLog;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  /** Ends what is being read. */
  #reading = new AbortController();
  #running: Promise<void> | undefined;
  #book: NodeBook;
  #ready = false;
  /** Everything has to be read (again). */
  #wantsAll = true;
  /** Somebody asked for it, who should not wait. */
  #asked = true;
  #confirmedAt: number | undefined;
  /** It went back since everything was read. */
  #wentBack = false;
  /** What was read last was a list, after which the watch follows at once. */
  #listedOnly = false;
  #failures = 0;
  #troubleKind: string | undefined;

  constructor(options: NodeViewOptions) {
    this.#options = options;
    const { start, ownName } = options;
    // The own name is known once something is read.
    const reading = { start, own: () => ownName.value };
    this.#source = new NodeSource({ ...options, reading });
    this.#junk = new JunkLog({ logger: options.logger, store: 'Kubernetes', things: 'Nodes' });
    this.#book = new NodeBook(this.#junk);
  }

  /** Whether everything was read at least once. */
  get ready(): boolean {
    return this.#ready;
  }

  get confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  start(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#run();
  }

  snapshot(): LeaseEvent {
    return { type: 'snapshot', leases: this.#book.leases() };
  }

  /** Has everything read again. */
  resync(): void {
    this.#wantsAll = true;
    this.#asked = true;
    this.start();
    this.#reading.abort();
  }

  /** Takes in what was learnt of the own Node by other ways, unless something newer is known. */
  learn(node: OwnNodeState): void {
    this.#confirmedAt = this.#options.clock.now();
    const known = this.own.value;
    // That it is gone shows in the watch; an answer may have been overtaken.
    if (typeof known === 'object' && (node === 'absent' || !isNewer(node, known))) return;
    this.own.next(node);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#reading.abort();
    await this.#running;
    this.events.complete();
    this.own.complete();
    this.trouble.complete();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { clock } = this.#options;
    while (!signal.aborted) {
      this.#reading = new AbortController();
      const reading = AbortSignal.any([signal, this.#reading.signal]);
      try {
        await this.#options.ownName.find(reading);
        const began = clock.now();
        if (this.#wantsAll) await this.#readAll(reading);
        else await this.#follow(reading);
        // It ends a watch after minutes, not at once.
        const ms = clock.now() - began < HASTY_MS && !this.#listedOnly ? this.#backoff.next() : 0;
        this.#listedOnly = false;
        if (ms > 0) await wait(clock, ms, 'following the Nodes', reading).catch(() => undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (reading.aborted) continue;
        if (!this.#wantsAll && isHistoryLost(error)) {
          this.#wantsAll = true;
          this.#wentBack = error instanceof HistoryLost;
          this.#options.logger.info(`Kubernetes: reading all Nodes again: ${errorText(error)}`);
        }
        // A server that restarts is worth no line: the next one answers at once.
        if (++this.#failures > 1) this.#setTrouble(errorText(error), errorCode(error) ?? 'unreadable');
        await wait(clock, this.#backoff.next(), 'following the Nodes', reading).catch(() => undefined);
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // An API server that was away may have come back with another store, in which this host's Node says something else.
    const name = this.#options.ownName.value;
    if (this.#failures > 0 && name !== undefined) {
      const known = this.own.value;
      const version = typeof known === 'object' ? known.resourceVersion : undefined;
      this.own.next((await this.#source.readOwn(name, version, signal)) ?? 'absent');
    }
    await this.#source.follow(this.#listener(this.#book), signal);
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const { clock, spreadMs, random = Math.random } = this.#options;
    if (!this.#asked) {
      const ms = Math.min(this.#book.size * SPREAD_MS_A_NODE, spreadMs);
      await wait(clock, random() * ms, 'reading the Nodes', signal);
    }
    await this.#source.readAll(this.#listener(new NodeBook(this.#junk)), signal);
  }

  /** Writes what is told into a book, which becomes ours as soon as it is complete. */
  #listener(book: NodeBook): NodeListener {
    const ownName = this.#options.ownName.value;
    let own: NodeFacts | undefined;
    const put = (node: NodeFacts): void => {
      book.put(node);
      if (node.name === ownName) own = node;
    };
    return {
      listed: put,
      complete: () => {
        book.takeChanges();
        this.#book = book;
        this.#ready = true;
        this.#wantsAll = false;
        this.#asked = false;
        this.#listedOnly = true;
        this.#alive();
        this.events.next({ type: 'snapshot', leases: book.leases(), ...(this.#wentBack && { wentBack: true }) });
        this.#wentBack = false;
        if (ownName !== undefined) this.own.next(own ?? 'absent');
        own = undefined;
      },
      changed: put,
      deleted: (name) => {
        book.delete(name);
        if (name !== ownName) return;
        own = undefined;
        this.own.next('absent');
      },
      alive: () => {
        // While everything is still being read it is the view before that is shown.
        if (book === this.#book) this.#alive();
      },
      settled: () => {
        if (book !== this.#book) return;
        const changes = book.takeChanges();
        if (changes.length > 0) this.events.next({ type: 'changes', changes });
        if (own !== undefined) this.own.next(own);
        own = undefined;
      },
    };
  }

  #alive(): void {
    this.#confirmedAt = this.#options.clock.now();
    this.#failures = 0;
    this.#backoff.reset();
    this.#setTrouble(undefined);
  }

  /** The words may be others each time: as long as the kind of trouble is the same, nothing is news. */
  #setTrouble(trouble: string | undefined, kind?: string): void {
    if (trouble === undefined ? this.trouble.value === undefined : kind === this.#troubleKind) return;
    this.#troubleKind = kind;
    const { logger } = this.#options;
    if (trouble !== undefined) logger.warn(`${trouble}; what is known stays, trying again`);
    else logger.info('Kubernetes: the API server answers again');
    this.trouble.next(trouble);
  }
}

function isNewer(node: NodeFacts, known: NodeFacts): boolean {
  return Number(node.resourceVersion) >= Number(known.resourceVersion);
}
