import type { Backend, Finding } from '../backend.js';
import { errorText } from '../errors.js';
import type { Host } from '../host.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';

/** How long a network has carried before it is looked at, in milliseconds: looking takes a processor's time. */
const REST_MS = 250;

/** How long until it is looked at again: a firewall may be set up or mended at any time, and none tells of it. */
const AGAIN_MS = 120_000;

/** What a {@link Preflight} works with, and whom it tells. */
export interface PreflightContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The findings are others. */
  changed(): void;
}

/** Asks a backend now and then what will stop traffic, first when whoever waits for the start has been served. */
export class Preflight {
  readonly #context: PreflightContext;
  #asked: Backend | undefined;
  #host: Host | undefined;
  #findings: readonly Finding[] = [];
  #running: AbortController | undefined;
  #cancelRest: (() => void) | undefined;

  constructor(context: PreflightContext) {
    this.#context = context;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Asks the backend soon, unless it is the one that is asked already, and from then on again and again. */
  run(backend: Backend, host: Host | undefined): void {
    this.#host = host;
    if (this.#asked === backend) return;
    this.close();
    this.#asked = backend;
    this.#askAfter(REST_MS, backend);
  }

  close(): void {
    this.#cancelRest?.();
    this.#running?.abort();
  }

  #askAfter(ms: number, backend: Backend): void {
    this.#cancelRest = this.#context.clock.after(ms, () => this.#ask(backend));
  }

  #ask(backend: Backend): void {
    const running = new AbortController();
    this.#running = running;
    const { signal } = running;
    const asked = backend.preflight({ ...(this.#host && { host: this.#host }), signal });
    asked
      .then(
        (findings) => {
          if (!signal.aborted) this.#found(findings);
        },
        (error: unknown) => {
          if (!signal.aborted) this.#context.logger.warn(`looking for what may stop traffic: ${errorText(error)}`);
        },
      )
      .finally(() => {
        if (!signal.aborted) this.#askAfter(AGAIN_MS, backend);
      });
  }

  /** Says what is new and what is no more; what is as before has been said. */
  #found(findings: readonly Finding[]): void {
    const { logger } = this.#context;
    const before = new Set(this.#findings.map(({ message }) => message));
    const now = new Set(findings.map(({ message }) => message));
    for (const { level, message, remedy } of findings) {
      if (before.has(message)) continue;
      const line = `${message}; ${remedy}`;
      if (level === 'error') logger.error(line);
      else logger.warn(line);
    }
    for (const message of before) if (!now.has(message)) logger.info(`no longer: ${message}`);
    this.#findings = findings;
    if (before.size !== now.size || [...now].some((message) => !before.has(message))) this.#context.changed();
  }
}
