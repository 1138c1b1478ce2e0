import type { MonitorOptions, NetlinkMonitor, NetlinkPort, RequestOptions, SendFailures } from '@overlay/linux';
import { NetlinkError } from '@overlay/linux';
import { FaultyNetlink } from '@overlay/linux/testing';
import type { Faults } from '../environment.js';

const EBUSY = 16;

/** What happens to everything that one Linux layer asks of the kernel. */
export class KernelAccess implements Faults {
  readonly #ports = new Set<FaultyNetlink>();
  readonly #open: () => NetlinkPort;
  #severed = false;
  /** While true the kernel takes no change: every one is refused with EBUSY. */
  refusing = false;
  /** Changes that were refused so far. */
  refused = 0;

  constructor(open: () => NetlinkPort) {
    this.#open = open;
  }

  /** A port for `openLinux`. */
  open(): NetlinkPort {
    if (this.#severed) throw new Error('the process that this stands for was killed');
    const port = new FaultyNetlink(new RefusingPort(this.#open(), this));
    this.#ports.add(port);
    return port;
  }

  /** The next message that any socket hears is lost, and the socket is told that its buffer was full (netlink(7), ENOBUFS). */
  loseNext(): void {
    for (const port of this.#ports) port.failNext('monitor', 'ENOBUFS');
  }

  /** What the kernel sees of a kill -9: all sockets are closed at once, and nothing is said any more. */
  sever(): void {
    this.#severed = true;
    for (const port of this.#ports) port.close();
  }
}

class RefusingPort implements NetlinkPort {
  readonly #port: NetlinkPort;
  readonly #access: KernelAccess;

  constructor(port: NetlinkPort, access: KernelAccess) {
    this.#port = port;
    this.#access = access;
  }

  async send(messages: readonly Uint8Array[], options?: RequestOptions): Promise<SendFailures> {
    if (!this.#access.refusing) return this.#port.send(messages, options);
    this.#access.refused += messages.length;
    return new Map(messages.map((_, index) => [index, new NetlinkError('a change', EBUSY, 'refused by the test')]));
  }

  query(...args: Parameters<NetlinkPort['query']>): ReturnType<NetlinkPort['query']> {
    return this.#port.query(...args);
  }

  dump(...args: Parameters<NetlinkPort['dump']>): ReturnType<NetlinkPort['dump']> {
    return this.#port.dump(...args);
  }

  monitor(options: MonitorOptions): NetlinkMonitor {
    return this.#port.monitor(options);
  }

  close(): void {
    this.#port.close();
  }
}
