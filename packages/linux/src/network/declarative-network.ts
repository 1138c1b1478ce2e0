import { abortError, errorText, silentLogger } from '@overlay/core';
import type {
  Address,
  Lease,
  LeaseUpdate,
  Logger,
  Network,
  NetworkProblem,
  NetworkState,
  NetworkStatus,
  OpenContext,
} from '@overlay/core';
import { BehaviorSubject, combineLatest, Subject } from 'rxjs';
import type { Observable, Subscription } from 'rxjs';
import type { Reconciler } from '../reconciler/reconciler.js';
import type { Scope } from '../reconciler/scope.js';
import type { NetworkContext, NetworkDesign } from './design.js';
import { LeftOver } from './left-over.js';

/** The owner of what belongs to this host. Not a lease's key: those are never empty. */
const SELF = '';
const NONE: readonly Address[] = [];
const MOST_PROBLEMS = 100;
/** Peers that are not reached and get a log line each. */
const MOST_LINES = 10;

/** A {@link Network} made of a {@link NetworkDesign} and the reconciler. */
export class DeclarativeNetwork implements Network {
  readonly state$: BehaviorSubject<NetworkState>;
  readonly reachChanges$: Observable<readonly string[]>;
  readonly #reachChanges = new Subject<readonly string[]>();
  readonly #scope: Scope;
  /** Why peers are not reached, other than by the kernel's refusal. */
  readonly #unreached = new Map<string, string>();
  /** Peers for which nothing is wanted although nothing is wrong with them. */
  readonly #pathless = new Set<string>();
  /** Peers whose way is being asked for. */
  readonly #undecided = new Set<string>();
  readonly #stops: (() => void)[] = [];
  #context: NetworkContext;
  #mtu: number;
  #complete = false;
  #marked = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly design: NetworkDesign,
    private readonly reconciler: Reconciler,
    context: NetworkContext,
    private readonly logger: Logger,
    private readonly mayGo: OpenContext['leftOver'],
  ) {
    this.#context = context;
    this.reachChanges$ = this.#reachChanges.asObservable();
    this.#scope = reconciler.scope(design.name);
    this.#mtu = this.#planDevice();
    this.state$ = new BehaviorSubject<NetworkState>({ phase: 'starting', mtu: this.#mtu });
    this.#stops.push(this.#scope.onChange(() => this.#report()));
    if (design.watch) this.#stops.push(design.watch.changes((peers) => this.#replan(peers)));
  }

  /**
   * Opens the network as soon as the host and the own lease are known.
   *
   * @throws OverlayError `OVERLAY_ABORTED`; and whatever the host or lease stream ends with.
   */
  static open(
    design: NetworkDesign,
    reconciler: Reconciler,
    { host$, lease$, leftOver, signal }: OpenContext,
    logger: Logger = silentLogger,
  ): Promise<DeclarativeNetwork> {
    return new Promise((resolve, reject) => {
      let network: DeclarativeNetwork | undefined;
      let subscription: Subscription | undefined = undefined;
      const aborted = (): void => {
        subscription?.unsubscribe();
        design.watch?.close();
        reject(abortError(`opening the ${design.name} network`, signal));
      };
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      const fail = (error: unknown): void => {
        signal.removeEventListener('abort', aborted);
        if (network) logger.error(`${design.name}: cannot follow the host any more: ${errorText(error)}`);
        else {
          design.watch?.close();
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      subscription = combineLatest([host$, lease$]).subscribe({
        next: ([host, lease]) => {
          try {
            if (network) return network.#moved({ host, lease });
            network = new DeclarativeNetwork(design, reconciler, { host, lease }, logger, leftOver);
            network.#stops.push(() => subscription?.unsubscribe());
            signal.removeEventListener('abort', aborted);
            resolve(network);
          } catch (error) {
            fail(error);
          }
        },
        error: fail,
      });
    });
  }

  apply(update: LeaseUpdate): void {
    if (this.#closed) return;
    if (update.type === 'delta') {
      for (const lease of update.set) this.#setPeer(lease);
      for (const key of update.deleted) this.#deletePeer(key);
      this.#report();
      return;
    }
    const gone = new Set(this.#peers());
    for (const lease of update.leases) {
      this.#setPeer(lease);
      gone.delete(lease.key);
    }
    for (const key of gone) this.#deletePeer(key);
    this.#complete = true;
    this.#mark();
    this.#report();
  }

  reaches(peer: string): boolean {
    const waits = this.#pathless.has(peer) || this.#undecided.has(peer) || this.#unreached.has(peer);
    return !waits && this.#lease(peer) !== undefined;
  }

  settled(options: { readonly signal: AbortSignal }): Promise<void> {
    return this.#scope.settled(options);
  }

  status(): NetworkStatus {
    const { owners, objects, pending, failed } = this.#scope.status();
    const problems: NetworkProblem[] = [];
    for (const [peer, message] of this.#unreached) {
      if (problems.length === MOST_PROBLEMS) break;
      problems.push({ peer, message });
    }
    for (const { owner, message } of this.#scope.problems(MOST_PROBLEMS - problems.length)) {
      problems.push(owner === SELF ? { message } : { peer: owner, message });
    }
    // This host is an owner too, until all is removed.
    const peers = Math.max(0, owners - 1);
    return { peers, objects, pending, failed: failed + this.#unreached.size, problems };
  }

  close(options: { readonly remove?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close({ remove }: { readonly remove?: boolean }): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.design.watch?.close();
    if (remove) {
      for (const owner of [...this.#scope.owners()]) this.#scope.delete(owner);
      // It ends early only when the reconciler does. What the kernel refuses is left to the marks of another network.
      await this.#scope.settled({ signal: new AbortController().signal }).catch(() => undefined);
    }
    this.#scope.close();
    this.#reachChanges.complete();
    this.state$.complete();
  }

  /**
   * Takes what bears our marks and is not wanted for left over from another time; not before everything is wanted that
   * should be.
   */
  #mark(): void {
    if (this.#marked || !this.#complete || this.#undecided.size > 0) return;
    this.#marked = true;
    const left = new LeftOver(
      this.#scope,
      this.design.marks(() => this.#context),
      this.mayGo,
    );
    left
      .claim(() => {
        if (!this.#closed) this.reconciler.audit();
      })
      .catch((error: unknown) => {
        this.logger.error(`${this.design.name}: what is left over from another time stays: ${errorText(error)}`);
      });
  }

  /** The host or the own lease is another: everything derived from them is derived again. */
  #moved(context: NetworkContext): void {
    if (this.#closed) return;
    this.#context = context;
    this.#mtu = this.#planDevice();
    this.#replan();
  }

  #planDevice(): number {
    const { objects, mtu } = this.design.device(this.#context);
    this.#scope.set(SELF, objects);
    return mtu;
  }

  #replan(peers?: Iterable<string>): void {
    const changed: string[] = [];
    for (const key of peers ?? this.#peers()) {
      const lease = this.#lease(key);
      if (!lease) continue;
      const before = this.reaches(key);
      this.#planPeer(lease);
      if (this.reaches(key) !== before) changed.push(key);
    }
    if (changed.length > 0) this.#reachChanges.next(changed);
    this.#mark();
    this.#report();
  }

  #setPeer(lease: Lease): void {
    this.#follow(lease.key, lease);
    this.#planPeer(lease);
  }

  /** Has a peer's addresses watched, instead of those that it had until now. */
  #follow(peer: string, lease: Lease | undefined): void {
    const { design } = this;
    if (!design.watch || !design.watched) return;
    const known = this.#lease(peer);
    design.watch.follow(peer, lease ? design.watched(lease) : NONE, known ? design.watched(known) : NONE);
  }

  #planPeer(lease: Lease): void {
    const { objects, problem, undecided } = this.design.peer(lease, this.#context);
    this.#scope.set(lease.key, objects, lease);
    if (objects.length > 0) this.#pathless.delete(lease.key);
    else this.#pathless.add(lease.key);
    if (undecided) this.#undecided.add(lease.key);
    else this.#undecided.delete(lease.key);
    const before = this.#unreached.get(lease.key);
    if (problem === before) return;
    if (problem === undefined) this.#unreached.delete(lease.key);
    else this.#unreached.set(lease.key, problem);
    this.#sayReached(lease.key, problem);
  }

  /** A line for a peer; when many are not reached, the status tells which. */
  #sayReached(peer: string, problem: string | undefined): void {
    const { name } = this.design;
    const others = this.#unreached.size;
    if (others > MOST_LINES) return;
    if (problem === undefined) this.logger.info(`${name}: peer ${peer} is reached again`);
    else if (others < MOST_LINES) this.logger.warn(`${name}: peer ${peer}: ${problem}`);
    else this.logger.warn(`${name}: ${others} peers are not reached; from now on only the status says which`);
  }

  *#peers(): Iterable<string> {
    for (const owner of this.#scope.owners()) if (owner !== SELF) yield owner;
  }

  /** A peer's lease, which is kept beside what is wanted for it. */
  #lease(peer: string): Lease | undefined {
    return this.#scope.source(peer) as Lease | undefined;
  }

  #deletePeer(key: string): void {
    if (!this.#lease(key)) return;
    this.#follow(key, undefined);
    this.#unreached.delete(key);
    this.#pathless.delete(key);
    this.#undecided.delete(key);
    this.#scope.delete(key);
  }

  #report(): void {
    if (this.#closed) return;
    const state = this.#state();
    const last = this.state$.value;
    if (state.phase === last.phase && state.mtu === last.mtu && state.problem === last.problem) return;
    this.state$.next(state);
  }

  #state(): NetworkState {
    const mtu = this.#mtu;
    if (this.#scope.applied(SELF)) return { phase: 'ready', mtu };
    const problem = this.#scope.problems(MOST_PROBLEMS).find(({ owner }) => owner === SELF)?.message;
    return problem === undefined ? { phase: 'starting', mtu } : { phase: 'failed', mtu, problem };
  }
}
