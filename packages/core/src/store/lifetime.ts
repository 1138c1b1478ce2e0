import type { Observable } from 'rxjs';
import { Subject } from 'rxjs';
import { OverlayError, throwIfAborted } from '../errors.js';

/** The life of a subnet manager: what is asked of it while it is open, and its one end. */
export class Lifetime {
  readonly #ending = new AbortController();
  readonly #ended$ = new Subject<void>();
  /** What stops the work that is under way. */
  readonly #asking = new Set<AbortController>();
  /** What is under way and has to end before {@link end} does. */
  readonly #pending = new Set<Promise<unknown>>();
  #end: Promise<void> | undefined;

  /** Given when the manager is closed. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  /** Tells once that the manager is closed. */
  get ended$(): Observable<void> {
    return this.#ended$;
  }

  /** @throws OverlayError `OVERLAY_CLOSED`, `OVERLAY_ABORTED` when `what` cannot go on */
  check(what: string, signal: AbortSignal): void {
    if (this.closed) throw new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
    throwIfAborted(what, signal);
  }

  /**
   * The outcome of work that is ended by the caller's signal and by the manager's end, whichever comes first: those are
   * told as `OVERLAY_ABORTED` and `OVERLAY_CLOSED` whatever the work itself says then.
   */
  async ask<T>(what: string, signal: AbortSignal, work: (either: AbortSignal) => Promise<T>): Promise<T> {
    this.check(what, signal);
    // AbortSignal.any would do, at more than twice the cost for each question.
    const either = new AbortController();
    const stop = (): void => either.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    this.#asking.add(either);
    try {
      return await this.during(work(either.signal));
    } finally {
      this.#asking.delete(either);
      signal.removeEventListener('abort', stop);
      this.check(what, signal);
    }
  }

  /** Has the end wait for this. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  /** Ends it: first all streams and waits, then `parts`, then waits for what is under way. Idempotent. */
  end(parts: () => Promise<void>): Promise<void> {
    this.#end ??= this.#run(parts);
    return this.#end;
  }

  async #run(parts: () => Promise<void>): Promise<void> {
    this.#ending.abort();
    for (const either of this.#asking) either.abort(this.signal.reason);
    this.#ended$.next();
    await parts();
    await Promise.allSettled(this.#pending);
  }
}
