import { OverlayError } from '@overlay/core';
import { NetlinkError, errnoNumber } from './error.js';
import type { NetlinkMessage } from './message.js';
import { firstMessage } from './message.js';
import type { MonitorOptions, NetlinkMonitor, NetlinkPort, RequestOptions, SendFailures } from './port.js';
import { describeRequest } from './rtnetlink/describe.js';

export type FaultyOperation = 'send' | 'query' | 'dump' | 'monitor';

/**
 * What goes wrong.
 *
 * - `EINTR`, `EBUSY`, `EAGAIN`: the kernel refuses; nothing is done
 * - `ENOBUFS`: there is no memory; nothing is done. On a monitor: a message is lost
 * - `overflow`: answers are lost; all was done, and is reported as unknown. On a monitor: a message is lost
 * - `DUMP_INTR`: a dump was disturbed every time
 * - `closed`: the operation finds the socket closed. On a monitor: it breaks when the next message comes
 */
export type NetlinkFault = 'ENOBUFS' | 'EINTR' | 'EBUSY' | 'EAGAIN' | 'DUMP_INTR' | 'closed' | 'overflow';

/** A fault that waits for its operation. */
export interface InjectedFault {
  readonly operation: FaultyOperation;
  readonly fault: NetlinkFault;
  /** Whether it has happened. */
  readonly consumed: boolean;
}

interface Waiting {
  readonly operation: FaultyOperation;
  readonly fault: NetlinkFault;
  readonly match: ((message: NetlinkMessage) => boolean) | undefined;
  consumed: boolean;
}

/**
 * A port that fails when told to, and otherwise is the port it wraps: for tests of what has to survive netlink. Each
 * fault happens once.
 */
export class FaultyNetlink implements NetlinkPort {
  readonly #port: NetlinkPort;
  readonly #faults: Waiting[] = [];

  constructor(port: NetlinkPort) {
    this.#port = port;
  }

  /**
   * Makes the next operation of a sort fail.
   *
   * For `send`, `EBUSY` and the like strike the first message that matches, the others are carried out; `ENOBUFS`,
   * `overflow` and `closed` strike the whole send. For `monitor`, `ENOBUFS`, `overflow` and `closed` strike the next
   * matching message of any open monitor, the others the next attempt to open one (there is no message to match then).
   */
  failNext(
    operation: FaultyOperation,
    fault: NetlinkFault,
    match?: (message: NetlinkMessage) => boolean,
  ): InjectedFault {
    const waiting: Waiting = { operation, fault, match, consumed: false };
    this.#faults.push(waiting);
    return waiting;
  }

  /** Faults that have not happened yet. */
  get pending(): readonly InjectedFault[] {
    return this.#faults.filter((fault) => !fault.consumed);
  }

  async send(messages: readonly Uint8Array[], options?: RequestOptions): Promise<SendFailures> {
    let struck = -1;
    const fault = this.#take('send', (match) => {
      struck = messages.findIndex((message) => match(firstMessage(message)));
      return struck >= 0;
    });
    if (fault === undefined) return this.#port.send(messages, options);
    if (fault === 'closed') throw closedError('sending to netlink');
    if (fault === 'overflow') {
      await this.#port.send(messages, options);
      return new Map(messages.map((message, index) => [index, faultError(fault, message)]));
    }
    if (fault === 'ENOBUFS') return new Map(messages.map((message, index) => [index, faultError(fault, message)]));
    const others = messages.filter((_, index) => index !== struck);
    const failures = new Map<number, NetlinkError>([[struck, faultError(fault, messages[struck])]]);
    for (const [index, error] of await this.#port.send(others, options)) {
      failures.set(index < struck ? index : index + 1, error);
    }
    return failures;
  }

  async query(message: Uint8Array, options?: RequestOptions): Promise<NetlinkMessage> {
    const fault = this.#take('query', (match) => match(firstMessage(message)));
    if (fault === undefined) return this.#port.query(message, options);
    throw fault === 'closed' ? closedError('asking netlink') : faultError(fault, message);
  }

  async dump(
    message: Uint8Array,
    onMessage: (message: NetlinkMessage) => void,
    options?: RequestOptions,
  ): Promise<void> {
    const fault = this.#take('dump', (match) => match(firstMessage(message)));
    if (fault === undefined) return this.#port.dump(message, onMessage, options);
    throw fault === 'closed' ? closedError('reading from netlink') : faultError(fault, message);
  }

  monitor(options: MonitorOptions): NetlinkMonitor {
    const refusal = this.#take('monitor', () => true, ['EINTR', 'EBUSY', 'EAGAIN', 'DUMP_INTR']);
    if (refusal !== undefined) {
      throw new OverlayError('OVERLAY_NETLINK_OPEN', `listening to netlink: refused (${refusal}, injected)`);
    }
    const monitor = this.#port.monitor({
      ...options,
      onMessage: (message) => {
        const fault = this.#take('monitor', (match) => match(message), ['ENOBUFS', 'overflow', 'closed']);
        if (fault === undefined) {
          options.onMessage(message);
        } else if (fault === 'closed') {
          monitor.close();
          options.onError(
            new OverlayError('OVERLAY_NETLINK_MONITOR', 'listening to netlink: the socket broke (injected)'),
          );
        } else {
          options.onOverflow();
        }
      },
    });
    return monitor;
  }

  close(): void {
    this.#port.close();
  }

  /** The first waiting fault that applies; it has then happened. */
  #take(
    operation: FaultyOperation,
    applies: (match: (message: NetlinkMessage) => boolean) => boolean,
    among?: readonly NetlinkFault[],
  ): NetlinkFault | undefined {
    const found = this.#faults.find(
      (waiting) =>
        !waiting.consumed &&
        waiting.operation === operation &&
        (among?.includes(waiting.fault) ?? true) &&
        applies(waiting.match ?? (() => true)),
    );
    if (found === undefined) return undefined;
    found.consumed = true;
    return found.fault;
  }
}

function faultError(fault: NetlinkFault, message: Uint8Array): NetlinkError {
  const name = fault === 'overflow' ? 'ENOBUFS' : fault === 'DUMP_INTR' ? 'EINTR' : fault;
  return new NetlinkError(describeRequest(message), errnoNumber(name) ?? 0, 'injected');
}

function closedError(what: string): OverlayError {
  return new OverlayError('OVERLAY_CLOSED', `${what}: the port is closed (injected)`);
}
