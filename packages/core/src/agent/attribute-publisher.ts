import type { Observable, Subscription } from 'rxjs';
import { errorText } from '../errors.js';
import type { LeaseAttributes } from '../lease.js';
import type { OwnLease } from '../subnet-manager.js';
import type { ChangeLog } from './change-log.js';
import { LatestWrite } from './latest-write.js';
import type { RetryPorts } from './retry.js';
import { isFatal, retryDelay } from './retry.js';
import type { Deferred } from './waiting.js';
import { deferred, unlessAborted } from './waiting.js';

/** What a {@link AttributePublisher} tells and whom. */
export interface AttributePublisherEvents {
  readonly log: ChangeLog;
  /** What the publisher has trouble with is another. */
  changed(): void;
}

/**
 * Keeps what the lease publishes equal to what the backend wants published. A newer value takes the place of one that
 * is still on its way.
 */
export class AttributePublisher {
  readonly #source: () => Observable<LeaseAttributes>;
  readonly #ports: RetryPorts;
  readonly #events: AttributePublisherEvents;
  readonly #writer: LatestWrite<{ readonly own: OwnLease; readonly attributes: LeaseAttributes }>;
  readonly #first: Deferred<void> = deferred();
  #subscription: Subscription | undefined;
  #cancelRetry: (() => void) | undefined;
  #failures = 0;
  #latest: LeaseAttributes | undefined;
  #published: LeaseAttributes | undefined;
  #own: OwnLease | undefined;
  #problem: string | undefined;

  constructor(source: () => Observable<LeaseAttributes>, ports: RetryPorts, events: AttributePublisherEvents) {
    this.#source = source;
    this.#ports = ports;
    this.#events = events;
    this.#writer = new LatestWrite(ports, {
      what: 'publishing how peers reach this host',
      write: ({ own, attributes }, options) => own.publish(attributes, options),
      wrote: ({ attributes }) => this.#wrote(attributes),
      failed: (error) => this.#publishFailed(error),
    });
  }

  /** What keeps the attributes from being told or published. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Begins to follow the backend. */
  start(): void {
    this.#subscription = this.#source().subscribe({
      next: (attributes) => this.#next(attributes),
      error: (error: unknown) => this.#failed(error),
    });
  }

  /** What the backend wants published, as soon as it has said so. Rejects with an error that is fatal, or when aborted. */
  async latest(signal: AbortSignal): Promise<LeaseAttributes> {
    await unlessAborted(this.#first.promise, 'waiting for what the backend publishes', signal);
    return this.#latest as LeaseAttributes;
  }

  /** From now on publishes with this lease, which was acquired with the attributes given. */
  publishWith(own: OwnLease, published: LeaseAttributes): void {
    this.#own = own;
    this.#published = published;
    this.#write();
  }

  /** Publishes nothing until {@link publishWith} is called again. */
  hold(): void {
    this.#own = undefined;
    this.#writer.stop();
  }

  close(): void {
    this.hold();
    this.#subscription?.unsubscribe();
    this.#cancelRetry?.();
  }

  #next(attributes: LeaseAttributes): void {
    this.#failures = 0;
    this.#latest = attributes;
    this.#events.log.over('attributes', 'the backend tells again what to publish');
    this.#setProblem(undefined);
    this.#first.resolve();
    this.#write();
  }

  #failed(error: unknown): void {
    const text = `asking the backend what to publish: ${errorText(error)}`;
    this.#events.log.warn('attributes', text);
    this.#setProblem(text);
    if (this.#latest === undefined && isFatal(error)) {
      this.#first.reject(error);
      return;
    }
    const delay = retryDelay(++this.#failures, this.#ports.random);
    this.#cancelRetry = this.#ports.clock.after(delay, () => this.start());
  }

  #write(): void {
    const own = this.#own;
    const attributes = this.#latest;
    if (own === undefined || attributes === undefined || attributes === this.#published) return;
    // What the store has is unknown from here until the write has succeeded.
    this.#published = undefined;
    this.#writer.write({ own, attributes });
  }

  #wrote(attributes: LeaseAttributes): void {
    this.#published = attributes;
    this.#events.log.over('publish', 'published how peers reach this host');
    this.#setProblem(undefined);
  }

  #publishFailed(error: unknown): void {
    const text = `publishing how peers reach this host: ${errorText(error)}`;
    this.#events.log.warn('publish', text);
    this.#setProblem(text);
  }

  #setProblem(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#events.changed();
  }
}
