import { errorText, silentLogger, systemClock } from '@overlay/core';
import type { Clock, Logger } from '@overlay/core';
import type { NetlinkMessage } from '../netlink/message.js';
import type { NetlinkMonitor } from '../netlink/port.js';
import { Group } from '../netlink/protocol.js';
import type { KernelSession } from './session.js';

const GROUPS = [
  Group.link,
  Group.neighbour,
  Group.ipv4Address,
  Group.ipv6Address,
  Group.ipv4Route,
  Group.ipv6Route,
  Group.ipv4Settings,
  Group.ipv6Settings,
] as const;
const FIRST_REOPEN_MS = 50;
const LONGEST_REOPEN_MS = 5000;

/** Who wants to hear of changes. */
export interface EventListener {
  /** A change; the message is valid only during the call. */
  message(message: NetlinkMessage): void;
  /** Changes may have been missed: everything has to be read again. */
  lost(): void;
}

/**
 * One subscription to the kernel's notifications, shared by all that follow them, so that they come to everybody in one
 * order. A socket that breaks is replaced, and that counts as a loss.
 */
export class KernelEvents {
  readonly #listeners: EventListener[] = [];
  #monitor: NetlinkMonitor | undefined;
  #cancelReopen: (() => void) | undefined;
  #failures = 0;
  #closed = false;
  readonly #stopFollowing: () => void;

  constructor(
    private readonly session: KernelSession,
    private readonly logger: Logger = silentLogger,
    private readonly clock: Clock = systemClock,
    private readonly groups: readonly number[] = GROUPS,
  ) {
    this.#stopFollowing = session.onDrop(() => {
      if (this.#monitor) this.#reopen();
    });
  }

  /** Adds a listener, behind those that are there; what it is given back ends it. Listening starts at once. */
  listen(listener: EventListener): () => void {
    this.#listeners.push(listener);
    this.#open();
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }

  close(): void {
    this.#closed = true;
    this.#stopFollowing();
    this.#cancelReopen?.();
    this.#monitor?.close();
    this.#monitor = undefined;
    this.#listeners.length = 0;
  }

  #open(): void {
    if (this.#monitor || this.#cancelReopen || this.#closed) return;
    try {
      const monitor = this.session.port.monitor({
        groups: this.groups,
        onMessage: (message) => {
          for (const listener of this.#listeners) this.#tell(listener, message);
        },
        onOverflow: () => {
          this.logger.debug('notifications of the kernel were lost; everything is compared again');
          this.#lost();
        },
        onError: (error) => {
          this.logger.warn(`following the kernel's changes: ${errorText(error)}`);
          if (!this.#monitor?.open) this.#reopen();
        },
      });
      this.#monitor = monitor;
    } catch (error) {
      if (this.#failures === 0) this.logger.warn(`cannot follow the kernel's changes: ${errorText(error)}`);
      this.#reopen();
    }
  }

  #reopen(): void {
    if (this.#closed || this.#cancelReopen) return;
    this.#monitor?.close();
    this.#monitor = undefined;
    const wait = Math.min(FIRST_REOPEN_MS * 2 ** this.#failures, LONGEST_REOPEN_MS);
    this.#failures += 1;
    this.#cancelReopen = this.clock.after(wait, () => {
      this.#cancelReopen = undefined;
      this.#open();
      if (!this.#monitor) return;
      this.#failures = 0;
      this.#lost();
    });
  }

  /** One listener's failure is no reason for the others to miss a message; it has itself to read everything again. */
  #tell(listener: EventListener, message: NetlinkMessage): void {
    try {
      listener.message(message);
    } catch (error) {
      this.logger.error(`a change told by the kernel could not be handled: ${errorText(error)}`);
      listener.lost();
    }
  }

  #lost(): void {
    for (const listener of this.#listeners) listener.lost();
  }
}
