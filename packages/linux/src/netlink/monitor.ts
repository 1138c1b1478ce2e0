import { KernelError, errnoName, kernelError } from './error.js';
import { eachMessage } from './message.js';
import type { MonitorHandle, NativeNetlink } from './native.js';
import { EventKind } from './native.js';
import type { MonitorOptions, NetlinkMonitor } from './port.js';

export interface MonitorContext {
  readonly netns: string | undefined;
  /** Messages that this netlink port id caused are dropped in the kernel. */
  readonly ignoredPort: number;
  readonly onClose: (handle: MonitorHandle) => void;
}

/** A monitor on the addon. What listeners throw never reaches the addon, nor keeps later messages back. */
export class NativeMonitor implements NetlinkMonitor {
  readonly handle: MonitorHandle;
  readonly #native: NativeNetlink;
  readonly #options: MonitorOptions;
  readonly #onClose: (handle: MonitorHandle) => void;
  #open = true;

  constructor(native: NativeNetlink, options: MonitorOptions, { netns, ignoredPort, onClose }: MonitorContext) {
    this.#native = native;
    this.#options = options;
    this.#onClose = onClose;
    const { groups, receiveBuffer } = options;
    try {
      this.handle = native.openMonitor(
        { netns, groups, receiveBuffer, ignoredPorts: [ignoredPort] },
        (kind, errno, data) => this.#deliver(kind, errno, data),
      ).handle;
    } catch (error) {
      throw kernelError(
        'OVERLAY_NETLINK_OPEN',
        `listening to netlink${netns === undefined ? '' : ` in ${netns}`}`,
        error,
      );
    }
  }

  get open(): boolean {
    return this.#open;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this.handle);
    this.#native.closeMonitor(this.handle);
  }

  #deliver(kind: number, errno: number, data: ArrayBuffer): void {
    if (kind === EventKind.messages) {
      eachMessage(new Uint8Array(data), (message) => this.#guard(() => this.#options.onMessage(message)));
    } else if (kind === EventKind.overflow) {
      this.#guard(() => this.#options.onOverflow());
    } else if (this.#open) {
      this.close();
      this.#report(
        new KernelError(
          'OVERLAY_NETLINK_MONITOR',
          `listening to netlink: the socket broke (${errnoName(errno)}); open another monitor and read everything again`,
          errno,
        ),
      );
    }
  }

  #guard(call: () => void): void {
    if (!this.#open) return;
    try {
      call();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#options.onError(error);
    } catch (failure) {
      // Whoever throws here has nobody left to tell but the process.
      queueMicrotask(() => {
        throw failure;
      });
    }
  }
}
