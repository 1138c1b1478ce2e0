import { OverlayError, abortError } from '@overlay/core';
import { NetlinkError, kernelError } from './error.js';
import type { NetlinkMessage } from './message.js';
import { eachMessage, firstMessage } from './message.js';
import { NativeMonitor } from './monitor.js';
import type { NativeNetlink, RequestHandle } from './native.js';
import { JobKind, loadNative } from './native.js';
import type { MonitorOptions, NetlinkMonitor, NetlinkPort, RequestOptions, SendFailures } from './port.js';
import { describeRequest } from './rtnetlink/describe.js';

export interface OpenNetlinkOptions {
  /** Path of a network namespace, such as `/run/netns/h1`. Default: the process's own. */
  readonly netns?: string;
  /** Bytes for answers not yet read; default 4 MiB. The kernel doubles it. */
  readonly receiveBuffer?: number;
}

/**
 * Opens rtnetlink of a network namespace. An idle port does not keep the process alive.
 *
 * @throws OverlayError `OVERLAY_NATIVE_MISSING`; KernelError `OVERLAY_NETLINK_OPEN` (no such namespace, not permitted).
 */
export function openNetlink(options: OpenNetlinkOptions = {}): NetlinkPort {
  return openNetlinkOn(loadNative(), options);
}

/** {@link openNetlink} on a given addon: for tests of what the addon only rarely reports. */
export function openNetlinkOn(native: NativeNetlink, options: OpenNetlinkOptions = {}): NetlinkPort {
  return new NetlinkSocket(native, options);
}

/** Dumps that changes disturb are repeated this often, as other netlink libraries do. */
const DUMP_ATTEMPTS = 10;

/** Messages handed to the addon at once: other requests get their turn in between, and memory stays small. */
const SLICE = 4096;

const NO_FAILURES: SendFailures = new Map();
const ENOENT = 2;
const EINTR = 4;
const ENOBUFS = 105;

interface JobResult {
  readonly errno: number;
  readonly offset: number;
  readonly text: string | undefined;
  readonly interrupted: boolean;
  readonly result: readonly unknown[];
}

interface PendingJob {
  resolve(result: JobResult): void;
  reject(error: unknown): void;
}

class NetlinkSocket implements NetlinkPort {
  readonly #native: NativeNetlink;
  readonly #netns: string | undefined;
  readonly #handle: RequestHandle;
  readonly #port: number;
  readonly #pending = new Map<number, PendingJob>();
  readonly #monitors = new Set<NativeMonitor>();
  #lastJob = 0;
  #closed = false;

  constructor(native: NativeNetlink, { netns, receiveBuffer }: OpenNetlinkOptions) {
    this.#native = native;
    this.#netns = netns;
    try {
      const opened = native.openRequest({ netns, receiveBuffer }, (id, errno, offset, text, interrupted, result) => {
        const job = this.#pending.get(id);
        this.#pending.delete(id);
        job?.resolve({ errno, offset, text, interrupted, result });
      });
      this.#handle = opened.handle;
      this.#port = opened.port;
    } catch (error) {
      throw kernelError('OVERLAY_NETLINK_OPEN', `opening netlink${netns === undefined ? '' : ` in ${netns}`}`, error);
    }
  }

  async send(messages: readonly Uint8Array[], options: RequestOptions = {}): Promise<SendFailures> {
    this.#check('sending to netlink', options.signal);
    if (messages.length === 0) return NO_FAILURES;
    let failures: Map<number, NetlinkError> | undefined;
    for (let from = 0; from < messages.length; from += SLICE) {
      const slice = messages.length <= SLICE ? messages : messages.slice(from, from + SLICE);
      const { errno, result } = await this.#run(JobKind.batch, join(slice), 'sending to netlink', options.signal);
      if (errno !== 0) throw new NetlinkError(`sending ${slice.length} netlink messages`, errno);
      for (let at = 0; at < result.length; at += 4) {
        const [index, reason, offset, text] = result.slice(at, at + 4) as [number, number, number, string | undefined];
        failures ??= new Map();
        failures.set(from + index, new NetlinkError(describeRequest(slice[index]), reason, text, offset));
      }
    }
    return failures ?? NO_FAILURES;
  }

  async query(message: Uint8Array, options: RequestOptions = {}): Promise<NetlinkMessage> {
    const job = await this.#run(JobKind.query, message, 'asking netlink', options.signal);
    if (job.errno !== 0) throw new NetlinkError(describeRequest(message), job.errno, job.text, job.offset);
    if (job.interrupted) throw new NetlinkError(describeRequest(message), ENOBUFS);
    if (job.result.length === 0) throw new NetlinkError(describeRequest(message), ENOENT);
    return firstMessage(new Uint8Array(job.result[0] as ArrayBuffer));
  }

  async dump(
    message: Uint8Array,
    onMessage: (message: NetlinkMessage) => void,
    options: RequestOptions = {},
  ): Promise<void> {
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      const job = await this.#run(JobKind.dump, message, 'reading from netlink', options.signal);
      if (job.interrupted) continue;
      if (job.errno !== 0) throw new NetlinkError(describeRequest(message), job.errno, job.text, job.offset);
      for (const block of job.result) eachMessage(new Uint8Array(block as ArrayBuffer), onMessage);
      return;
    }
    throw new NetlinkError(describeRequest(message), EINTR, `disturbed ${DUMP_ATTEMPTS} times in a row`);
  }

  monitor(options: MonitorOptions): NetlinkMonitor {
    this.#check('listening to netlink');
    const monitor = new NativeMonitor(this.#native, options, {
      netns: this.#netns,
      ignoredPort: this.#port,
      onClose: (handle) => {
        this.#monitors.delete(monitor);
        this.#native.pace(this.#handle, handle, false);
      },
    });
    this.#monitors.add(monitor);
    this.#native.pace(this.#handle, monitor.handle, true);
    return monitor;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const monitor of [...this.#monitors]) monitor.close();
    this.#native.closeRequest(this.#handle);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const job of pending) job.reject(closedError('waiting for netlink'));
  }

  #check(what: string, signal?: AbortSignal): void {
    if (this.#closed) throw closedError(what);
    if (signal?.aborted) throw abortError(what, signal);
  }

  async #run(kind: number, messages: Uint8Array, what: string, signal?: AbortSignal): Promise<JobResult> {
    this.#check(what, signal);
    const id = (this.#lastJob = (this.#lastJob + 1) >>> 0);
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<JobResult>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        if (signal !== undefined) {
          onAbort = () => {
            this.#pending.delete(id);
            this.#native.cancel(this.#handle, id);
            reject(abortError(what, signal));
          };
          signal.addEventListener('abort', onAbort, { once: true });
        }
        this.#native.submit(this.#handle, id, kind, messages);
      });
    } catch (error) {
      this.#pending.delete(id);
      throw error;
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }
}

function closedError(what: string): OverlayError {
  return new OverlayError('OVERLAY_CLOSED', `${what}: the port is closed; open another one`);
}

/** One buffer with all messages, each at a multiple of four bytes: the one that they lie in, if they lie there so. */
function join(messages: readonly Uint8Array[]): Uint8Array {
  if (messages.length === 1) return messages[0];
  let length = 0;
  for (const message of messages) length += (message.length + 3) & ~3;
  const [{ buffer, byteOffset }] = messages;
  if (inRow(messages)) return new Uint8Array(buffer, byteOffset, length);
  const all = new Uint8Array(length);
  let at = 0;
  for (const message of messages) {
    all.set(message, at);
    at += (message.length + 3) & ~3;
  }
  return all;
}

/** Whether messages lie in one buffer, each of them right behind the one before. */
function inRow(messages: readonly Uint8Array[]): boolean {
  const { buffer } = messages[0];
  let end = messages[0].byteOffset;
  for (const message of messages) {
    if (message.byteOffset !== end || message.buffer !== buffer || (message.length & 3) !== 0) return false;
    end += message.length;
  }
  return true;
}
