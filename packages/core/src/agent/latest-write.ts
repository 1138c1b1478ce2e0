import type { RetryPorts } from './retry.js';
import { retry } from './retry.js';

/** One way of writing, and who hears of it. */
export interface LatestWriteOptions<T> {
  /** What is attempted, for messages: `writing subnet.env`. */
  readonly what: string;
  write(value: T, options: { readonly signal: AbortSignal }): Promise<void>;
  /** The value given last has been written. */
  wrote(value: T): void;
  /** An attempt failed; it is repeated unless the error is fatal. */
  failed(error: unknown): void;
}

/**
 * Writes values one after the other, each until it succeeds. A newer value takes the place of one that is not written
 * yet; two writes are never under way at once, so that an older one cannot come to lie on top of a newer.
 */
export class LatestWrite<T> {
  readonly #options: LatestWriteOptions<T>;
  readonly #ports: RetryPorts;
  #ending: AbortController | undefined;
  #underway: Promise<void> = Promise.resolve();

  constructor(ports: RetryPorts, options: LatestWriteOptions<T>) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Writes this value in the place of any that is still to be written. */
  write(value: T): void {
    this.stop();
    const ending = new AbortController();
    this.#ending = ending;
    const { signal } = ending;
    const options = this.#options;
    retry(this.#ports, {
      what: options.what,
      signal,
      attempt: () => this.#attempt(value, signal),
      failed: (error) => options.failed(error),
    }).then(
      () => {
        if (!signal.aborted) options.wrote(value);
      },
      (error: unknown) => {
        if (!signal.aborted) options.failed(error);
      },
    );
  }

  /** Gives up what is not written yet. */
  stop(): void {
    this.#ending?.abort();
    this.#ending = undefined;
  }

  async #attempt(value: T, signal: AbortSignal): Promise<void> {
    await this.#underway;
    if (signal.aborted) return;
    const written = this.#options.write(value, { signal });
    this.#underway = written.catch(() => undefined);
    await written;
  }
}
