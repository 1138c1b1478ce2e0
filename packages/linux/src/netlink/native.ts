import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OverlayError } from '@overlay/core';

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
}

const FILE = 'overlay-netlink.node';

/**
 * Where the addon may lie: in the package (this module is `dist/netlink/native.js`), or beside a program bundled into
 * one file, with or without the `prebuilds` folder.
 */
function candidates(base: string | URL): string[] {
  const folder = `prebuilds/${process.platform}-${process.arch}/`;
  return [`../../${folder}${FILE}`, `./${folder}${FILE}`, `./${FILE}`].map((path) =>
    fileURLToPath(new URL(path, base)),
  );
}

/**
 * Loads the native addon. Node keeps it loaded, so calling this again is cheap.
 *
 * @param base URL of the module to look around; for tests.
 * @throws OverlayError `OVERLAY_NATIVE_MISSING` when it is not there or cannot be loaded.
 */
export function loadNative(base: string | URL = import.meta.url): NativeNetlink {
  const paths = candidates(base);
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new OverlayError(
      'OVERLAY_NATIVE_MISSING',
      `loading the netlink addon: ${FILE} is missing for ${process.platform}-${process.arch} (looked at ` +
        `${paths.join(', ')}); install a release that has it, or build it with \`node native/build.mjs\` in ` +
        'packages/linux (needs gcc)',
    );
  }
  const module = { exports: {} as NativeNetlink };
  try {
    process.dlopen(module, path);
  } catch (error) {
    throw new OverlayError(
      'OVERLAY_NATIVE_MISSING',
      `loading the netlink addon: ${path} does not load here (${error instanceof Error ? error.message : String(error)}); ` +
        'build it on this machine with `node native/build.mjs` in packages/linux (needs gcc)',
      { cause: error },
    );
  }
  return module.exports;
}
