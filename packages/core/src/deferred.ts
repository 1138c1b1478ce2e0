import type { Observable, Subscription } from 'rxjs';
import { abortError, OverlayError } from './errors.js';

/** A promise together with the means to settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a promise that is settled from outside. A rejection that nobody looks at is no crash. */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** The promise's outcome, or `OVERLAY_ABORTED` as soon as the signal is given, whatever the promise does then. */
export function unlessAborted<T>(promise: Promise<T>, what: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(abortError(what, signal));
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}

/**
 * The first value of a stream. Rejects with the stream's error, with `OVERLAY_ABORTED`, or with `OVERLAY_CLOSED` when
 * the stream ends without a value.
 */
export function firstValue<T>(source: Observable<T>, what: string, signal: AbortSignal): Promise<T> {
  let subscription: Subscription | undefined;
  const value = new Promise<T>((resolve, reject) => {
    subscription = source.subscribe({
      next: resolve,
      error: reject,
      complete: () => reject(new OverlayError('OVERLAY_CLOSED', `${what}: its stream ended without a value`)),
    });
  });
  return unlessAborted(value, what, signal).finally(() => subscription?.unsubscribe());
}
