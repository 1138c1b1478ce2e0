import { createRequire } from 'node:module';
import { errorCode, errorText, OverlayError } from '@overlay/core';

/** As far as it is used here: a socket of the npm package raw-socket, which is CommonJS and has no types of its own. */
export interface RawSocket {
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    sent: (error: Error | null, bytes: number) => void,
  ): void;
  setOption(level: number, option: number, value: Buffer, length: number): void;
  on(event: 'message', listener: (buffer: Buffer, source: string) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  close(): void;
}

/** The npm package raw-socket. */
export interface RawSocketModule {
  /** @throws Error with the kernel's words, without a code. */
  createSocket(options: { readonly addressFamily: number; readonly protocol: number }): RawSocket;
  readonly AddressFamily: { readonly IPv4: number; readonly IPv6: number };
}

const NAME = 'raw-socket';

/**
 * Loads raw-socket, which is optional: it is compiled where it is installed, and that needs a compiler.
 *
 * @param from the file from which it is looked for.
 * @throws OverlayError `OVERLAY_PROBE_UNAVAILABLE` with what to do.
 */
export function loadRawSocket(from: string): RawSocketModule {
  const require = createRequire(from);
  let found: string;
  try {
    found = require.resolve(NAME);
  } catch (cause) {
    throw unavailable(`the npm package ${NAME} is not installed; run \`npm install ${NAME}\``, cause);
  }
  try {
    return require(found) as RawSocketModule;
  } catch (cause) {
    const rebuild = `run \`npm rebuild ${NAME} --ignore-scripts=false\`, which needs make, a C++ compiler and Python`;
    if (errorCode(cause) === 'MODULE_NOT_FOUND') {
      throw unavailable(`the npm package ${NAME} is installed but not compiled; ${rebuild}`, cause);
    }
    throw unavailable(`the npm package ${NAME} cannot be loaded (${firstLine(errorText(cause))}); ${rebuild}`, cause);
  }
}

function unavailable(why: string, cause: unknown): OverlayError {
  return new OverlayError('OVERLAY_PROBE_UNAVAILABLE', `${why}, then restart`, { cause });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0];
}
