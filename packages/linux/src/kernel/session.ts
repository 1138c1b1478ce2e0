import { errorCode, OverlayError } from '@overlay/core';
import type { NetlinkPort, RequestOptions, SendFailures } from '../netlink/port.js';

/**
 * The netlink port of one network namespace, opened when it is first needed and again after it broke. Everything that
 * talks to the kernel asks here for the port each time and keeps none.
 */
export class KernelSession {
  /** Messages sent so far that change the kernel. A restart that finds everything in place adds none. */
  writes = 0;
  #port: NetlinkPort | undefined;
  readonly #onDrop = new Set<() => void>();
  #closed = false;

  constructor(private readonly open: () => NetlinkPort) {}

  /** The open port. */
  get port(): NetlinkPort {
    if (this.#closed) throw new OverlayError('OVERLAY_CLOSED', 'netlink: the session has been closed');
    this.#port ??= this.open();
    return this.#port;
  }

  /** Runs a request; if its port turns out to be closed, the next request opens another. The error is passed on. */
  async use<T>(request: (port: NetlinkPort) => Promise<T>): Promise<T> {
    const port = this.port;
    try {
      return await request(port);
    } catch (error) {
      if (errorCode(error) === 'OVERLAY_CLOSED' && this.#port === port) {
        port.close();
        this.#port = undefined;
        for (const listener of this.#onDrop) listener();
      }
      throw error;
    }
  }

  /** Has messages carried out that change the kernel. */
  send(messages: readonly Uint8Array[], options: RequestOptions): Promise<SendFailures> {
    this.writes += messages.length;
    return this.use((port) => port.send(messages, options));
  }

  /** Calls when a port was given up, and its monitors with it. */
  onDrop(listener: () => void): () => void {
    this.#onDrop.add(listener);
    return () => this.#onDrop.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#port?.close();
    this.#port = undefined;
  }
}
