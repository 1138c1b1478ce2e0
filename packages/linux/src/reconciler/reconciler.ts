import { abortError, errorText, noMetrics, OverlayError, silentLogger, systemClock } from '@overlay/core';
import type { Clock, Logger, Metrics } from '@overlay/core';
import { earliest } from './earliest.js';
import type { Kind, KernelObject } from './kind.js';
import { KindWorker } from './kind-worker.js';
import type { WorkerContext } from './kind-worker.js';
import { scopeProblems } from './problems.js';
import { Restraint } from './restraint.js';
import { ScopeHandle } from './scope-handle.js';
import type { Scope, ScopeProblem } from './scope.js';
import type { ScopeHost } from './scope-host.js';
import { closedError, ScopeState } from './scope-state.js';

const DEFAULT_AUDIT_MS = 60_000;

/** What a reconciler is made from. */
export interface ReconcilerOptions {
  readonly kinds: readonly Kind[];
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  /** Milliseconds between two full comparisons, jittered by a fifth; 0 turns them off. 60,000 unless told. */
  readonly auditMs?: number;
}

interface Waiter {
  readonly scope: ScopeState;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Holds what is wanted of the kernel, finds out what is there, and writes the difference, for ever. One for an agent.
 *
 * Callers only say what they want. One round at a time reads what is in doubt, writes what differs in ascending order of
 * rank (links before addresses before neighbours before routes) and removes in descending order. A kind whose calls fail
 * holds the order up for a moment only; then the others go on without it. Reports from the kernel mark entries and ask for
 * a round; they do no I/O.
 */
export class Reconciler implements ScopeHost {
  /** Objects handed to their kinds so far to be written or removed, by kind. */
  readonly writes = new Map<string, number>();
  #workers: readonly KindWorker[] = [];
  readonly #byKind = new Map<string, KindWorker>();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #scopes = new Map<string, ScopeHandle>();
  readonly #waiters = new Set<Waiter>();
  readonly #workerContext: WorkerContext;
  readonly #auditMs: number;
  #cancelTimer: (() => void) | undefined;
  #cancelAudit: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  /** Those that failed in the round under way. */
  readonly #failed = new Set<KindWorker>();

  constructor(options: ReconcilerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#auditMs = options.auditMs ?? DEFAULT_AUDIT_MS;
    const metrics = options.metrics ?? noMetrics;
    this.#workerContext = {
      clock: this.#clock,
      logger: this.#logger,
      signal: this.#abort.signal,
      restraint: new Restraint(),
      wake: () => this.#wake(),
      wrote: (kind, count) => {
        this.writes.set(kind, (this.writes.get(kind) ?? 0) + count);
        metrics.count('kernel_writes_total', count, { kind });
      },
    };
    for (const kind of options.kinds) this.add(kind);
  }

  /**
   * Takes in a kind of objects, as a package that is loaded late brings it. One that is there under this name stays: give
   * the same one to all who want such objects.
   */
  add(kind: Kind): void {
    if (this.#byKind.has(kind.name)) return;
    const worker = new KindWorker(kind, this.#workerContext);
    this.#byKind.set(kind.name, worker);
    this.#workers = [...this.#workers, worker].sort((a, b) => a.kind.rank - b.kind.rank);
  }

  /**
   * A place to want objects in, for one network. Its name decides who wins when two scopes want one object.
   *
   * @throws OverlayError `OVERLAY_SCOPE_TAKEN` when a scope of that name is open, `OVERLAY_CLOSED`.
   */
  scope(name: string): Scope {
    if (this.#abort.signal.aborted) throw closedError();
    if (this.#scopes.has(name)) {
      throw new OverlayError('OVERLAY_SCOPE_TAKEN', `reconciler: a scope named ${name} is open already`);
    }
    const handle = new ScopeHandle(new ScopeState(name), this);
    this.#scopes.set(name, handle);
    // What it wants may be there, from a scope before it or from an agent before this one; that is not written again.
    this.audit();
    return handle;
  }

  /**
   * Reads the objects of a kind that there are now, whoever made them; none when no such kind was given to it. For kinds
   * whose objects cannot be listed (sysctls) there are none, either.
   *
   * @throws OverlayError what reading them fails with.
   */
  async read(kind: string, signal: AbortSignal): Promise<readonly KernelObject[]> {
    const objects: KernelObject[] = [];
    await this.#byKind.get(kind)?.kind.dump({ wanted: () => [] }, (object) => objects.push(object), signal);
    return objects;
  }

  /** Compares everything with the kernel in the next round, as after a loss of notifications. */
  audit(): void {
    for (const worker of this.#workers) worker.readAll();
  }

  /** Stops. Leaves the kernel as it is. Resolves when the round under way has ended. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer?.();
    this.#cancelAudit?.();
    for (const worker of this.#workers) worker.close();
    for (const waiter of this.#waiters) waiter.reject(closedError());
    this.#waiters.clear();
    await this.#running;
  }

  /** @internal */
  worker(kind: string): KindWorker {
    const worker = this.#byKind.get(kind);
    if (!worker) throw new OverlayError('OVERLAY_KIND_UNKNOWN', `reconciler: no kind named ${kind} was given to it`);
    return worker;
  }

  /** @internal */
  wake(): void {
    this.#wake();
  }

  /** @internal */
  forget(state: ScopeState): void {
    for (const worker of this.#workers) worker.abandon(state);
    this.#scopes.delete(state.name);
    for (const waiter of this.#waiters) {
      if (waiter.scope !== state) continue;
      this.#waiters.delete(waiter);
      waiter.reject(closedError());
    }
  }

  /** @internal */
  settled(state: ScopeState, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#abort.signal.aborted || state.closed) return reject(closedError());
      const end = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', aborted);
      };
      const aborted = (): void => {
        end();
        reject(abortError('waiting for the kernel to take what is wanted', signal));
      };
      const waiter: Waiter = {
        scope: state,
        resolve: () => {
          end();
          resolve();
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      this.#waiters.add(waiter);
      this.#wake();
    });
  }

  /** @internal */
  get contended(): boolean {
    return this.#workers.some(({ table }) => table.contended);
  }

  /** @internal */
  problems(state: ScopeState, limit: number): readonly ScopeProblem[] {
    return scopeProblems(state, this.#workers, limit);
  }

  #wake(): void {
    // First what costs nothing: a snapshot asks for a round with each of its peers.
    if (this.#running) {
      this.#again = true;
      return;
    }
    if (this.#abort.signal.aborted) return;
    // Whatever is wanted in this turn of the event loop goes into one round.
    this.#running = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#rounds())
      .finally(() => {
        this.#running = undefined;
        if (this.#again) this.#wake();
      });
  }

  async #rounds(): Promise<void> {
    do {
      this.#again = false;
      if (this.#abort.signal.aborted) return;
      const now = this.#clock.elapsed();
      for (const worker of this.#workers) worker.retryDue(now);
      await this.#round(this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      this.#report();
    } while (this.#again);
    this.#schedule();
  }

  async #round(signal: AbortSignal): Promise<void> {
    // All at once: while one kind's objects are compared, the next one's are being listed.
    const now = this.#clock.elapsed();
    const workers = this.#workers;
    const tried = workers.filter(({ trouble }) => !trouble.blocks(now));
    this.#failed.clear();
    await Promise.all(tried.map((worker) => this.#try(worker, () => worker.read(signal))));
    for (let i = workers.length - 1; i >= 0; i -= 1) {
      // What has come to be wanted meanwhile may be what takes the place of something that is to go.
      for (let step = this.#write(signal); step; step = this.#write(signal)) await step;
      const worker = workers[i];
      // Also of what could not be written yet.
      if (!worker || workers.some(({ trouble }) => trouble.brief)) continue;
      if (!worker.trouble.blocks(this.#clock.elapsed())) await this.#try(worker, () => worker.sweep(signal));
    }
    for (const worker of tried) {
      if (signal.aborted || this.#failed.has(worker) || !worker.trouble.over()) continue;
      this.#logger.info(`${worker.kind.name}: the kernel answers again`);
    }
  }

  /**
   * The next batch to be written, or undefined when nothing differs. What is wanted during a write goes by rank too: a
   * route that is replaced while others are being written must not lead into a tunnel whose entries are still to come.
   */
  #write(signal: AbortSignal): Promise<void> | undefined {
    if (signal.aborted) return undefined;
    const now = this.#clock.elapsed();
    for (const worker of this.#workers) {
      const { trouble, inDoubt, table } = worker;
      if (trouble.blocks(now)) {
        // For as long as it may be a disturbance, the order holds. What lasts must not keep all others from healing.
        if (trouble.brief) return undefined;
        continue;
      }
      if (inDoubt) return this.#try(worker, () => worker.read(signal));
      if (table.isDirty) return this.#try(worker, () => worker.write(signal));
    }
    return undefined;
  }

  /** Has a worker do something; if that fails, it is left alone for a while. */
  async #try(worker: KindWorker, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failed.add(worker);
      worker.doubtAll();
      // What all kinds fail with is said once.
      const said = this.#workers.some(
        ({ trouble }) => trouble.lasting && errorText(trouble.error) === errorText(error),
      );
      if (!worker.trouble.met(error, this.#clock.elapsed()) || said) return;
      this.#logger.warn(`${worker.kind.name}: talking to the kernel fails, and is tried again: ${errorText(error)}`);
    }
  }

  #report(): void {
    for (const waiter of [...this.#waiters]) if (this.#allTried(waiter.scope)) waiter.resolve();
    for (const scope of this.#scopes.values()) scope.report();
  }

  /** Whether everything that a scope wants has been tried, if only in vain. */
  #allTried(scope: ScopeState): boolean {
    let open = scope.pending + scope.removing;
    for (const worker of this.#workers) if (open > 0 && worker.trouble.lasting) open -= worker.openOf(scope);
    return open === 0;
  }

  /** Sets the timers for what is due later. */
  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#abort.signal.aborted) return;
    const now = this.#clock.elapsed();
    let next: number | undefined;
    for (const worker of this.#workers) next = earliest(next, worker.trouble.due ?? worker.nextDue());
    if (next !== undefined) this.#cancelTimer = this.#clock.after(Math.max(1, next - now), () => this.#wake());
    if (!this.#cancelAudit && this.#auditMs > 0 && this.#workers.some((worker) => worker.needed)) {
      const delay = this.#auditMs * (0.9 + 0.2 * Math.random());
      this.#cancelAudit = this.#clock.after(delay, () => {
        this.#cancelAudit = undefined;
        for (const { patience } of this.#workers) patience.prune(this.#clock.elapsed());
        this.audit();
      });
    }
  }
}
