import { abortError, throwIfAborted } from './errors.js';
import type { Clock } from './ports/clock.js';

/**
 * Waits on the given clock.
 *
 * @throws OverlayError `OVERLAY_ABORTED` as soon as the signal is given; `what` is what was attempted.
 */
export async function wait(clock: Clock, ms: number, what: string, signal: AbortSignal): Promise<void> {
  throwIfAborted(what, signal);
  await new Promise<void>((resolve, reject) => {
    const stopped = (): void => {
      cancel();
      reject(abortError(what, signal));
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stopped);
      resolve();
    });
    signal.addEventListener('abort', stopped, { once: true });
  });
}

/** A duration between half of `ms` and `ms`, so that many who wait for the same do not come back together. */
export function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

/** How long to wait after each failure in a row: ever longer, each by chance a little different. */
export class Backoff {
  #ms: number;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {
    this.#ms = firstMs;
  }

  next(): number {
    const ms = this.#ms;
    this.#ms = Math.min(ms * 2, this.longestMs);
    return jittered(ms);
  }

  reset(): void {
    this.#ms = this.firstMs;
  }
}
