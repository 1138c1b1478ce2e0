import type { NetlinkError } from './error.js';
import type { NetlinkMessage } from './message.js';

export interface RequestOptions {
  /** Ends the wait with `OVERLAY_ABORTED`. What the kernel has done by then stays done. */
  readonly signal?: AbortSignal;
}

/** Why messages of one `send` failed, by their index. Those not in it were carried out. */
export type SendFailures = ReadonlyMap<number, NetlinkError>;

export interface MonitorOptions {
  /** Multicast groups (`Group`). */
  readonly groups: readonly number[];
  /** Bytes for messages not yet read; default 8 MiB. The kernel doubles it. */
  readonly receiveBuffer?: number;
  /**
   * Each change that somebody else made. Addresses, routes and neighbours that the port itself changed are left out; of
   * links and VXLAN FDB entries the kernel does not always say who changed them, so those are heard.
   */
  readonly onMessage: (message: NetlinkMessage) => void;
  /**
   * Messages were lost; everything they could have told has to be read again. Older ones still waiting were thrown away,
   * so nothing that comes later is older than a dump begun now.
   */
  readonly onOverflow: () => void;
  /** Something thrown by `onMessage` or `onOverflow`; or the socket broke, with code `OVERLAY_NETLINK_MONITOR`. */
  readonly onError: (error: unknown) => void;
}

/** An open subscription. It keeps the process alive. */
export interface NetlinkMonitor {
  /** Whether it still listens: not closed, and the socket not broken. */
  readonly open: boolean;
  /** Ends it; nothing is delivered any more. Closing again does nothing. */
  close(): void;
}

/**
 * The way to rtnetlink of one network namespace. Messages are complete requests as the encoders make them. Requests are
 * served in order, off the JavaScript thread: the kernel may hold its lock for seconds.
 *
 * After {@link NetlinkPort.close}, and for requests pending then, everything fails with `OVERLAY_CLOSED`.
 */
export interface NetlinkPort {
  /**
   * Has messages carried out, in order, hundreds to a system call. One that fails does not keep later ones back. Cheap
   * for one and for 50,000. Rejects only when aborted or closed.
   */
  send(messages: readonly Uint8Array[], options?: RequestOptions): Promise<SendFailures>;
  /**
   * Asks for one object. The answer may be kept.
   *
   * @throws NetlinkError `OVERLAY_NETLINK`, for instance with `errnoName` `ENODEV` or `ENOENT`.
   */
  query(message: Uint8Array, options?: RequestOptions): Promise<NetlinkMessage>;
  /**
   * Reads all objects that the request selects. `onMessage` is called only once the dump is complete and consistent, so
   * never twice for one object; one that changes disturb is repeated up to ten times. What disturbs the very last part of
   * a dump the kernel does not notice, so under constant change an object may rarely be missed.
   *
   * @throws NetlinkError `OVERLAY_NETLINK`, or `OVERLAY_NETLINK_INTERRUPTED` after ten disturbed dumps.
   */
  dump(message: Uint8Array, onMessage: (message: NetlinkMessage) => void, options?: RequestOptions): Promise<void>;
  /**
   * Listens for changes.
   *
   * @throws KernelError `OVERLAY_NETLINK_OPEN`.
   */
  monitor(options: MonitorOptions): NetlinkMonitor;
  /** Closes the port and its monitors. Closing again does nothing. */
  close(): void;
}
