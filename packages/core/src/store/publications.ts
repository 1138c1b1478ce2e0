import { abortError } from '../errors.js';

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** Callers who wait until what they published is in the store. */
export class Publications {
  readonly #waiting = new Set<Waiting>();

  /** @throws OverlayError `OVERLAY_ABORTED`, or what {@link fail} is given */
  wait(what: string, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const settle = (done: () => void): void => {
        signal.removeEventListener('abort', stopped);
        this.#waiting.delete(waiting);
        done();
      };
      const stopped = (): void => settle(() => reject(abortError(what, signal)));
      const waiting: Waiting = {
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      };
      signal.addEventListener('abort', stopped, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Those who wait now. The function given back lets them go on; those who come later wait further. */
  current(): () => void {
    const current = [...this.#waiting];
    return () => {
      for (const waiting of current) waiting.resolve();
    };
  }

  fail(error: unknown): void {
    for (const waiting of [...this.#waiting]) waiting.reject(error);
  }
}
