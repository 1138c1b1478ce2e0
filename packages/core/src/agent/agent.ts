import { Observable, Subject } from 'rxjs';
import { errorText, OverlayError } from '../errors.js';
import type { Lease } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import { systemClock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { silentLogger } from '../ports/logger.js';
import type { Metrics } from '../ports/metrics.js';
import { noMetrics } from '../ports/metrics.js';
import { wait } from '../wait.js';
import { agentStatus, missingOf } from './agent-status.js';
import type { AgentOptions } from './options.js';
import { readinessOf, waitingFor } from './readiness.js';
import type { AgentPhase, AgentStatus } from './status.js';
import { Supervisor } from './supervisor.js';
import { deferred, unlessAborted } from '../deferred.js';

/** How long starting waits for a store that says nothing at all. */
const SILENCE_MS = 1_000;

/** How long something is missing before a line is written. */
const NOT_READY_MS = 1_000;

/** How long stopping waits for what does not end by itself. The rest of the promised second is for the caller. */
const STOP_MS = 900;

/**
 * Runs one host's part of an overlay: takes the cluster's configuration, acquires a lease, opens the network of the
 * backend that the configuration asks for, and keeps it told of the host's peers.
 *
 * Everything that it works with is given to it; it opens no file, no socket and no device itself. Trouble that may pass
 * (no configuration yet, no interface, the store away) is waited out and shown in {@link status}. An agent starts once.
 */
export class Agent {
  /** Resolves when the agent has stopped; rejects with the error that ended it. It need not be looked at. */
  readonly done: Promise<void>;
  /** The status now, then after each change. Completes when the agent has ended. */
  readonly status$: Observable<AgentStatus>;
  readonly #options: AgentOptions;
  readonly #supervisor: Supervisor;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #done = deferred<void>();
  readonly #judged = deferred<void>();
  readonly #changes = new Subject<void>();
  #phase: AgentPhase = 'idle';
  #startedAt = 0;
  #wasReady = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #failure: unknown;
  #telling = false;
  /** From the first moment of stopping on, also of a stop that comes from within. */
  #ending = false;
  /** What is missing, by the conditions' names. */
  #conditions: string | undefined;
  #cancelNotReady: (() => void) | undefined;
  #saidNotReady = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#metrics = options.metrics ?? noMetrics;
    this.done = this.#done.promise;
    this.#supervisor = new Supervisor(options, {
      changed: () => this.#changed(),
      configurationJudged: () => this.#judged.resolve(),
      fatal: (error) => this.#fail(error),
    });
    this.status$ = new Observable((subscriber) => {
      subscriber.next(this.status());
      return this.#changes.subscribe({
        next: () => subscriber.next(this.status()),
        complete: () => subscriber.complete(),
      });
    });
  }

  /**
   * Starts. Resolves once the configuration has been judged, or is known to be missing, or the store has been silent for
   * a second; the agent is ready only later, see {@link ready}. A second call gives the first one's promise.
   *
   * @throws OverlayError `OVERLAY_CONFIG_INVALID`, `OVERLAY_BACKEND_UNKNOWN`, `OVERLAY_NOT_SUPPORTED` when the
   *   configuration is wrong and {@link AgentOptions.wrongConfig} is `fatal`; `OVERLAY_CLOSED` once stopped.
   */
  start(): Promise<void> {
    if (this.#starting === undefined && this.#stopping !== undefined) {
      return Promise.reject(this.#closed('starting the agent'));
    }
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Resolves when this host can carry traffic; at once when it can already.
   *
   * @throws the error that ended the agent; OverlayError `OVERLAY_ABORTED`, or `OVERLAY_CLOSED` when it was stopped.
   */
  ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { promise, resolve, reject } = deferred<void>();
    const look = (): void => {
      if (this.#phase === 'ready') resolve();
    };
    const changes = this.#changes.subscribe(look);
    look();
    this.done.then(() => reject(this.#closed('waiting until the agent is ready')), reject);
    return unlessAborted(promise, 'waiting until the agent is ready', options.signal).finally(() =>
      changes.unsubscribe(),
    );
  }

  /** The status right now. */
  status(): AgentStatus {
    return agentStatus(this.#supervisor, {
      ...{ now: this.#clock.now(), elapsed: this.#clock.elapsed() },
      phase: this.#phase,
      hostId: this.#options.hostId,
      confirmedAt: this.#options.subnetManager.confirmedAt(),
      failure: this.#failure === undefined ? undefined : errorText(this.#failure),
    });
  }

  /** The peers to which packets are sent now: all leases that are believed, less what of them is held. */
  peers(): Iterable<Lease> {
    return this.#supervisor.table.accepted();
  }

  /**
   * Takes what moves traffic and waits for that: the configuration that is pending, and another lease in the place of one
   * that another host has now. Resolves to true when that is in effect, to false when there is neither.
   *
   * @throws the reason why the configuration could not be taken; the one before stays. OverlayError `OVERLAY_ABORTED` when
   *   another one took its place, or by the signal, which ends the waiting only; `OVERLAY_CLOSED` once stopped.
   */
  async applyPending(options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
    if (this.#stopping !== undefined) throw this.#closed('applying the pending configuration');
    return unlessAborted(this.#supervisor.applyPending(), 'applying the pending configuration', options.signal);
  }

  /**
   * Ends everything within a second and leaves the data path as it is: packets keep flowing. Idempotent, at any time.
   * What was given to the agent, the subnet manager too, stays open: it is its maker's.
   *
   * @throws OverlayError `OVERLAY_ABORTED` by the signal, which ends the waiting only.
   */
  stop(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#stopping ??= this.#stop('stopping', 'stopped');
    return unlessAborted(this.#stopping, 'stopping the agent', options.signal);
  }

  /** Stops. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    this.#phase = 'starting';
    this.#startedAt = this.#clock.elapsed();
    const heard = new AbortController();
    const silence = wait(this.#clock, SILENCE_MS, 'starting the agent', heard.signal).catch(() => undefined);
    this.#supervisor.start();
    try {
      await Promise.race([this.#judged.promise, silence, this.done]);
    } finally {
      heard.abort();
    }
    if (this.#stopping === undefined) return;
    // Resolves when it was stopped; rejects with the error that ended it.
    await this.done;
    throw this.#closed('starting the agent');
  }

  #fail(error: unknown): void {
    if (this.#ending) return;
    this.#failure = error;
    this.#logger.error(errorText(error));
    this.#stopping = this.#stop('stopping', 'failed');
  }

  async #stop(during: AgentPhase, after: AgentPhase): Promise<void> {
    this.#cancelNotReady?.();
    this.#ending = true;
    this.#phase = during;
    this.#changes.next();
    // Ending begins with the next turn, since a part that failed is still telling of it.
    await Promise.resolve();
    const late = new AbortController();
    const limit = wait(this.#clock, STOP_MS, 'stopping the agent', late.signal).then(
      () => this.#logger.warn(`stopping: something did not end within ${STOP_MS} ms and is left behind`),
      () => undefined,
    );
    const ended = this.#supervisor.end().catch((error: unknown) => {
      this.#logger.warn(`stopping: ${errorText(error)}`);
    });
    await Promise.race([ended, limit]);
    late.abort();
    this.#phase = after;
    this.#metrics.gauge('ready', 0);
    this.#changes.next();
    this.#changes.complete();
    if (this.#failure === undefined) this.#done.resolve();
    else this.#done.reject(this.#failure);
  }

  /** Changes often come many at once; they are told together. */
  #changed(): void {
    if (this.#telling || this.#ending) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (this.#ending) return;
      this.#followReadiness();
      this.#changes.next();
    });
  }

  #followReadiness(): void {
    const missing = missingOf(this.#supervisor);
    const { ready, reasons } = readinessOf(missing);
    this.#phase = ready ? 'ready' : this.#wasReady ? 'impaired' : 'starting';
    const { table, pending } = this.#supervisor;
    this.#metrics.gauge('ready', ready ? 1 : 0);
    this.#metrics.gauge('peers', table.size);
    this.#metrics.gauge('configuration_pending', pending === undefined ? 0 : 1);
    const conditions = reasons.map(({ condition }) => condition).join(' ');
    if (conditions === this.#conditions) return;
    this.#conditions = conditions;
    if (ready) this.#nowReady();
    else this.#cancelNotReady ??= this.#clock.after(NOT_READY_MS, () => this.#sayNotReady());
  }

  #nowReady(): void {
    this.#cancelNotReady?.();
    this.#cancelNotReady = undefined;
    const seconds = (this.#clock.elapsed() - this.#startedAt) / 1000;
    if (!this.#wasReady) this.#metrics.observe('ready_seconds', seconds);
    if (!this.#wasReady) this.#logger.info(`ready after ${seconds.toFixed(3)} s`);
    else if (this.#saidNotReady) this.#logger.info('ready again');
    this.#wasReady = true;
    this.#saidNotReady = false;
  }

  /** The steps to being ready pass in an instant when all is well; only what lasts is worth a line. */
  #sayNotReady(): void {
    this.#cancelNotReady = undefined;
    this.#saidNotReady = true;
    this.#logger.info(`not ready, waiting for ${waitingFor(missingOf(this.#supervisor)).join('; ')}`);
  }

  #closed(what: string): OverlayError {
    return new OverlayError('OVERLAY_CLOSED', `${what}: it has been stopped; make a new agent`, {
      cause: this.#failure,
    });
  }
}
