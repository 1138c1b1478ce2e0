import type { Backend, Finding } from '../backend.js';
import { errorText } from '../errors.js';
import type { Host } from '../host.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';

/** How long a network has carried before it is looked at, in milliseconds: looking takes a processor's time. */
const REST_MS = 250;

/** What a {@link Preflight} works with, and whom it tells. */
export interface PreflightContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The findings are others. */
  changed(): void;
}

/** Asks a backend once what will stop traffic, when whoever waits for the start has been served. */
export class Preflight {
  readonly #context: PreflightContext;
  #asked: Backend | undefined;
  #findings: readonly Finding[] = [];
  #running: AbortController | undefined;
  #cancelRest: (() => void) | undefined;

  constructor(context: PreflightContext) {
    this.#context = context;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Asks the backend soon, unless it is the one that was asked last. */
  run(backend: Backend, host: Host | undefined): void {
    if (this.#asked === backend) return;
    this.close();
    this.#asked = backend;
    this.#cancelRest = this.#context.clock.after(REST_MS, () => this.#ask(backend, host));
  }

  close(): void {
    this.#cancelRest?.();
    this.#running?.abort();
  }

  #ask(backend: Backend, host: Host | undefined): void {
    const running = new AbortController();
    this.#running = running;
    backend.preflight({ ...(host && { host }), signal: running.signal }).then(
      (findings) => {
        if (running.signal.aborted) return;
        this.#findings = findings;
        for (const { level, message, remedy } of findings) {
          const line = `${message}; ${remedy}`;
          if (level === 'error') this.#context.logger.error(line);
          else this.#context.logger.warn(line);
        }
        this.#context.changed();
      },
      (error: unknown) => {
        if (!running.signal.aborted)
          this.#context.logger.warn(`looking for what may stop traffic: ${errorText(error)}`);
      },
    );
  }
}
