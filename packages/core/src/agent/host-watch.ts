import type { Observable, Subscription } from 'rxjs';
import { ReplaySubject } from 'rxjs';
import type { Address } from '../address/index.js';
import { errorText } from '../errors.js';
import type { Host, HostState } from '../host.js';
import { FAMILIES } from '../lease.js';
import type { ChangeLog } from './change-log.js';
import type { RetryPorts } from './retry.js';
import { isFatal, retryDelay } from './retry.js';

/** What a {@link HostWatch} tells and whom. */
export interface HostWatchEvents {
  readonly log: ChangeLog;
  /** The host, or what it waits for, is another. */
  changed(): void;
  /** A flag that chooses the interface is wrong. */
  fatal(error: unknown): void;
}

/** Follows the host's interface and addresses, and remembers the last ones while they are gone. */
export class HostWatch {
  /** The host, the last known one first, then each different one. Completes on {@link close}. */
  readonly host$: Observable<Host>;
  readonly #hosts = new ReplaySubject<Host>(1);
  readonly #source: Observable<HostState>;
  readonly #ports: RetryPorts;
  readonly #events: HostWatchEvents;
  #host: Host | undefined;
  #waiting: string | undefined = 'the first look at the interfaces of this host';
  /** Whether the present wait has been told of in the log. */
  #said = false;
  #text = '';
  #subscription: Subscription | undefined;
  #cancelRetry: (() => void) | undefined;
  #failures = 0;

  constructor(source: Observable<HostState>, ports: RetryPorts, events: HostWatchEvents) {
    this.#source = source;
    this.#ports = ports;
    this.#events = events;
    this.host$ = this.#hosts.asObservable();
  }

  /** The host as last known. */
  get host(): Host | undefined {
    return this.#host;
  }

  /** Why there is no usable interface now. */
  get waiting(): string | undefined {
    return this.#waiting;
  }

  /** Every address by which this host is known on the underlay. */
  addresses(): readonly Address[] {
    const own = FAMILIES.flatMap((family) => this.#host?.[family] ?? []);
    return [...new Set(own.flatMap(({ address, publicIP }) => [address, publicIP]))];
  }

  start(): void {
    this.#subscription = this.#source.subscribe({
      next: (state) => this.#next(state),
      error: (error: unknown) => this.#failed(error),
    });
  }

  close(): void {
    this.#subscription?.unsubscribe();
    this.#cancelRetry?.();
    this.#hosts.complete();
  }

  #next(state: HostState): void {
    this.#failures = 0;
    const { host, waiting } = state;
    if (host === undefined) {
      if (this.#waiting === waiting) return;
      this.#waiting = waiting;
      // Once for a wait: the reason lists the interfaces there are, and changes with them; the status has the latest.
      if (!this.#said) this.#events.log.warn('host', `waiting for the interface of this host: ${waiting}`);
      this.#said = true;
      this.#events.changed();
      return;
    }
    const text = JSON.stringify(host);
    if (this.#waiting === undefined && text === this.#text) return;
    const same = text === this.#text;
    this.#waiting = undefined;
    this.#said = false;
    this.#text = text;
    this.#host = host;
    const addresses = FAMILIES.flatMap((family) => host[family]?.address ?? []).join(', ');
    this.#events.log.info('host', `using interface ${host.interface.name} (MTU ${host.interface.mtu}): ${addresses}`);
    if (!same) this.#hosts.next(host);
    this.#events.changed();
  }

  #failed(error: unknown): void {
    if (isFatal(error)) {
      this.#events.fatal(error);
      return;
    }
    const delay = retryDelay(++this.#failures, this.#ports.random);
    this.#events.log.warn('host-stream', `following the host failed, trying again: ${errorText(error)}`);
    this.#cancelRetry = this.#ports.clock.after(delay, () => this.start());
  }
}
