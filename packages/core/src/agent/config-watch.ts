import type { Observable, Subscription } from 'rxjs';
import { errorText } from '../errors.js';
import type { NetConf } from '../net-conf/index.js';
import type { ConfigEvent } from '../subnet-manager.js';
import type { ChangeLog } from './change-log.js';
import type { RetryPorts } from './retry.js';
import { isFatal, retryDelay } from './retry.js';

/** What a {@link ConfigWatch} tells and whom. */
export interface ConfigWatchEvents {
  readonly log: ChangeLog;
  /** A configuration has arrived; it may be the one before. */
  configured(netConf: NetConf): void;
  /** What it waits for, or what was refused, is another. */
  changed(): void;
  /** A file of this host is wrong, and there never was a good configuration. */
  fatal(error: unknown): void;
}

/** Follows the cluster's configuration. What cannot be used is shown, and the last good one stays. */
export class ConfigWatch {
  readonly #source: Observable<ConfigEvent>;
  readonly #ports: RetryPorts;
  readonly #events: ConfigWatchEvents;
  #configured = false;
  #waiting: string | undefined = 'the first answer of the store';
  #problem: string | undefined;
  #subscription: Subscription | undefined;
  #cancelRetry: (() => void) | undefined;
  #failures = 0;

  constructor(source: Observable<ConfigEvent>, ports: RetryPorts, events: ConfigWatchEvents) {
    this.#source = source;
    this.#ports = ports;
    this.#events = events;
  }

  /** Why there has been no configuration yet. */
  get waiting(): string | undefined {
    return this.#waiting;
  }

  /** Why the store's present configuration is not the one in use. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#subscription = this.#source.subscribe({
      next: (event) => this.#next(event),
      error: (error: unknown) => this.#failed(error),
    });
  }

  /** Says that the configuration that has arrived cannot be used. */
  refuse(problem: string, waiting: boolean): void {
    this.#problem = problem;
    if (waiting) this.#waiting = `one that can be used: ${problem}`;
    this.#events.log.error('config', `configuration refused: ${problem}`);
    this.#events.changed();
  }

  close(): void {
    this.#subscription?.unsubscribe();
    this.#cancelRetry?.();
  }

  #next(event: ConfigEvent): void {
    this.#failures = 0;
    switch (event.type) {
      case 'config':
        this.#configured = true;
        this.#waiting = undefined;
        this.#problem = undefined;
        for (const warning of event.netConf.warnings) this.#events.log.warn(`config-warning ${warning}`, warning);
        this.#events.configured(event.netConf);
        this.#events.changed();
        return;
      case 'refused':
        this.refuse(event.problem, !this.#configured);
        return;
      case 'waiting':
        if (this.#configured) {
          this.#problem = `there is none any more, the last one stays: ${event.reason}`;
          this.#events.log.warn('config', `configuration: ${this.#problem}`);
        } else {
          this.#waiting = event.reason;
          this.#events.log.info('config', `waiting for the configuration: ${event.reason}`);
        }
        this.#events.changed();
    }
  }

  #failed(error: unknown): void {
    if (isFatal(error)) {
      if (!this.#configured) this.#events.fatal(error);
      else this.refuse(errorText(error), false);
      return;
    }
    const text = `reading the configuration: ${errorText(error)}`;
    if (this.#configured) this.#problem = text;
    else this.#waiting = text;
    this.#events.log.warn('config', text);
    this.#events.changed();
    this.#cancelRetry = this.#ports.clock.after(retryDelay(++this.#failures, this.#ports.random), () => this.start());
  }
}
