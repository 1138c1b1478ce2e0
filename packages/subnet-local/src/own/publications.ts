import { abortError } from '@overlay/core';

interface Publication {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Callers who wait until what they published is in the directory. */
export class Publications {
  #waiting: readonly Publication[] = [];

  /** @throws OverlayError `OVERLAY_ABORTED`, or what {@link fail} is given */
  wait(what: string, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const stopped = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== publication);
        reject(abortError(what, signal));
      };
      const publication: Publication = {
        resolve: () => {
          signal.removeEventListener('abort', stopped);
          resolve();
        },
        reject: (error) => {
          signal.removeEventListener('abort', stopped);
          reject(error);
        },
      };
      signal.addEventListener('abort', stopped, { once: true });
      this.#waiting = [...this.#waiting, publication];
    });
  }

  /** Those who wait now. The function given back lets them go on; those who come later wait further. */
  current(): () => void {
    const current = this.#waiting;
    return () => {
      this.#waiting = this.#waiting.filter((publication) => !current.includes(publication));
      for (const publication of current) publication.resolve();
    };
  }

  fail(error: unknown): void {
    const failed = this.#waiting;
    this.#waiting = [];
    for (const publication of failed) publication.reject(error);
  }
}
