import type { Clock, HostState, Logger } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { NetlinkMonitor, NetlinkPort } from '../netlink/port.js';
import { chooseInterface } from './choose-interface.js';
import type { SnapshotPart } from './kernel-view.js';
import { KernelView } from './kernel-view.js';
import type { InterfaceSelection } from './options.js';

/** How long after a first change to wait for those that come with it, in milliseconds. */
const SETTLE_MS = 20;

/** The least time from one reading to the next, in milliseconds: pods that come and go change links all the time. */
const APART_MS = 100;

/** The first and the longest pause after a failure, in milliseconds. */
const RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

export interface FollowerContext {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly auditMs: number;
}

/**
 * Keeps the choice of the interface up to date. Notifications only say what to read again; what the kernel holds is
 * always read, so that a lost or misunderstood notification cannot leave anything wrong for good.
 */
export class HostFollower {
  readonly #netlink: NetlinkPort;
  readonly #selection: InterfaceSelection;
  readonly #emit: (state: HostState) => void;
  readonly #context: FollowerContext;
  readonly #view: KernelView;
  readonly #stopping = new AbortController();
  readonly #stale = new Set<SnapshotPart>();
  #monitor: NetlinkMonitor | undefined;
  #cancelRead: (() => void) | undefined;
  #cancelAudit: (() => void) | undefined;
  #reading = false;
  #lastRead = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** The state that was told last, as text. */
  #last: string | undefined;
  #readOnce = false;

  constructor(
    netlink: NetlinkPort,
    selection: InterfaceSelection,
    emit: (state: HostState) => void,
    context: FollowerContext,
  ) {
    this.#netlink = netlink;
    this.#selection = selection;
    this.#emit = emit;
    this.#context = context;
    this.#view = new KernelView(netlink, selection);
  }

  start(): void {
    this.#planAudit();
    void this.#read();
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancelRead?.();
    this.#cancelAudit?.();
    this.#monitor?.close();
  }

  /** Reads what is stale, chooses, and tells. Never rejects. */
  async #read(): Promise<void> {
    this.#cancelRead = undefined;
    this.#reading = true;
    const wanted = new Set(this.#stale);
    try {
      if (this.#monitor?.open !== true) {
        for (const part of this.#view.parts) wanted.add(part);
        // Listen first: what changes during the reading is then noticed.
        this.#monitor = this.#listen();
      }
      this.#stale.clear();
      await this.#view.read(wanted, { signal: this.#stopping.signal });
      if (this.#stopped) return;
      this.#readOnce = true;
      this.#recovered();
      this.#tell(chooseInterface(this.#view.snapshot, this.#selection));
    } catch (error) {
      if (this.#stopped) return;
      for (const part of wanted) this.#stale.add(part);
      this.#failed(error);
    } finally {
      this.#reading = false;
      this.#lastRead = this.#context.clock.elapsed();
      if (!this.#stopped && this.#stale.size > 0) this.#planRead();
    }
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #listen(): NetlinkMonitor {
    return this.#netlink.monitor({
      groups: this.#view.groups,
      onMessage: (message) => this.#suspect(this.#view.concerns(message, this.#reading)),
      onOverflow: () => this.#suspect(this.#view.parts),
      onError: (error) => {
        this.#context.logger.warn('lost the notifications of the kernel; reading everything again', {
          problem: errorText(error),
        });
        this.#suspect(this.#view.parts);
      },
    });
  }

  #suspect(parts: readonly SnapshotPart[]): void {
    if (parts.length === 0 || this.#stopped) return;
    for (const part of parts) this.#stale.add(part);
    if (!this.#reading && this.#cancelRead === undefined) this.#planRead();
  }

  #planRead(): void {
    const { clock } = this.#context;
    const pause = this.#failures > 0 ? Math.min(RETRY_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS) : SETTLE_MS;
    // A clock that was set back must not stop the reading for as long as it was set back by.
    const apart = Math.min(APART_MS, this.#lastRead + APART_MS - clock.elapsed());
    this.#cancelRead = clock.after(Math.max(pause, apart), () => void this.#read());
  }

  #planAudit(): void {
    const { clock, auditMs } = this.#context;
    this.#cancelAudit = clock.after(auditMs * (0.9 + 0.2 * Math.random()), () => {
      this.#suspect(this.#view.parts);
      this.#planAudit();
    });
  }

  #failed(error: unknown): void {
    const problem = errorText(error);
    if (this.#failures++ === 0) {
      this.#context.logger.warn('cannot read the interfaces of this host; trying again', { problem });
    }
    // What was chosen stays chosen: traffic does not depend on reading it again.
    if (!this.#readOnce)
      this.#tell({ waiting: `the interfaces of this host cannot be read: ${problem}; trying again` });
  }

  #recovered(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#context.logger.info('the interfaces of this host can be read again');
  }

  #tell(state: HostState): void {
    const text = JSON.stringify(state);
    if (text === this.#last) return;
    this.#last = text;
    this.#emit(state);
  }
}
