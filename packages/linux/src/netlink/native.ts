import { loadAddon } from '../native-addon.js';

declare const opaque: unique symbol;

/** A native request socket; only the addon looks inside. */
export interface RequestHandle {
  readonly [opaque]: 'request';
}

/** A native monitor socket; only the addon looks inside. */
export interface MonitorHandle {
  readonly [opaque]: 'monitor';
}

/** What a submitted job asks for: send many messages, read a dump, or read the answer to one message. */
export const JobKind = { batch: 0, dump: 1, query: 2 } as const;

/** What a monitor reports: messages, that some were lost, or that the socket is of no more use. */
export const EventKind = { messages: 0, overflow: 1, failed: 2 } as const;

/**
 * Called once for each job. `result` is, for a batch, a flat list of `[index, errno, offset, text]` of the messages that
 * failed; for a dump or query, the messages received.
 */
export type OnDone = (
  id: number,
  errno: number,
  offset: number,
  text: string | undefined,
  interrupted: boolean,
  result: readonly unknown[],
) => void;

/** The functions of the addon; native/src says more. Errors they throw carry `errno` (positive) and `syscall`. */
export interface NativeNetlink {
  openRequest(
    options: { netns?: string; receiveBuffer?: number },
    onDone: OnDone,
  ): { handle: RequestHandle; port: number };
  submit(handle: RequestHandle, id: number, kind: number, messages: Uint8Array): void;
  cancel(handle: RequestHandle, id: number): void;
  pace(handle: RequestHandle, monitor: MonitorHandle, on: boolean): void;
  closeRequest(handle: RequestHandle): void;
  openMonitor(
    options: { netns?: string; groups: readonly number[]; ignoredPorts?: readonly number[]; receiveBuffer?: number },
    onEvent: (kind: number, errno: number, data: ArrayBuffer) => void,
  ): { handle: MonitorHandle; port: number; receiveBuffer: number };
  closeMonitor(handle: MonitorHandle): void;
  readNetnsFile(netns: string | undefined, path: string): Promise<string>;
  writeNetnsFile(netns: string | undefined, path: string, text: string): Promise<void>;
  releaseProgramPages(): number;
  sendFrame(
    netns: string | undefined,
    index: number,
    etherType: number,
    destination: Uint8Array,
    payload: Uint8Array,
  ): void;
  sendUnixDatagram(path: string, payload: Uint8Array): void;
}

/**
 * Loads the native addon. Node keeps it loaded, so calling this again is cheap.
 *
 * @param base URL of the module to look around; for tests.
 * @throws OverlayError `OVERLAY_NATIVE_MISSING` when it is not there or cannot be loaded.
 */
export function loadNative(base: string | URL = import.meta.url): NativeNetlink {
  return loadAddon({
    file: 'overlay-netlink.node',
    title: 'the netlink addon',
    build: '`node native/build.mjs` in packages/linux (needs gcc)',
    base,
  }) as NativeNetlink;
}
