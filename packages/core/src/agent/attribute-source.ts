import type { Observable, Subscription } from 'rxjs';
import { errorText } from '../errors.js';
import type { LeaseAttributes } from '../lease.js';
import type { ChangeLog } from './change-log.js';
import type { RetryPorts } from './retry.js';
import { isFatal, retryDelay } from './retry.js';
import type { Deferred } from '../deferred.js';
import { deferred, unlessAborted } from '../deferred.js';

/** What an {@link AttributeSource} tells and whom. */
export interface AttributeSourceEvents {
  readonly log: ChangeLog;
  /** What was to be published before, until the backend has told. */
  readonly latest?: LeaseAttributes | undefined;
  /** There is something else to publish, or other trouble with it. */
  changed(): void;
}

/** Follows what a backend wants published. */
export class AttributeSource {
  readonly #source: () => Observable<LeaseAttributes>;
  readonly #ports: RetryPorts;
  readonly #events: AttributeSourceEvents;
  readonly #first: Deferred<void> = deferred();
  #subscription: Subscription | undefined;
  #cancelRetry: (() => void) | undefined;
  #failures = 0;
  #latest: LeaseAttributes | undefined;
  #problem: string | undefined;

  constructor(source: () => Observable<LeaseAttributes>, ports: RetryPorts, events: AttributeSourceEvents) {
    this.#source = source;
    this.#ports = ports;
    this.#events = events;
    this.#latest = events.latest;
  }

  /** What the backend wants published. */
  get latest(): LeaseAttributes | undefined {
    return this.#latest;
  }

  /** What keeps the backend from telling. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#subscription = this.#source().subscribe({
      next: (attributes) => this.#next(attributes),
      error: (error: unknown) => this.#failed(error),
    });
  }

  /** Resolves once the backend has told something. Rejects with an error that is fatal, or when aborted. */
  first(signal: AbortSignal): Promise<void> {
    return unlessAborted(this.#first.promise, 'waiting for what the backend publishes', signal);
  }

  close(): void {
    this.#subscription?.unsubscribe();
    this.#cancelRetry?.();
  }

  #next(attributes: LeaseAttributes): void {
    this.#failures = 0;
    this.#latest = attributes;
    this.#problem = undefined;
    this.#events.log.over('attributes', 'the backend tells again what to publish');
    this.#first.resolve();
    this.#events.changed();
  }

  #failed(error: unknown): void {
    const text = `asking the backend what to publish: ${errorText(error)}`;
    this.#events.log.warn('attributes', text);
    this.#problem = text;
    if (this.#latest === undefined && isFatal(error)) {
      this.#first.reject(error);
      return;
    }
    const delay = retryDelay(++this.#failures, this.#ports.random);
    this.#cancelRetry = this.#ports.clock.after(delay, () => this.start());
    this.#events.changed();
  }
}
