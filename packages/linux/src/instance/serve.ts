import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { errorCode, errorText, OverlayError } from '@overlay/core';
import type { InstanceHolder } from './holder.js';
import { formatHolder } from './holder.js';

/** A held name, answering those who wait for it. */
export interface HolderServer {
  /** Frees the name and then lets those who wait go. Idempotent. */
  close(): Promise<void>;
}

/**
 * Takes the name and answers each connection with who holds it. Undefined if somebody else has it. Does not keep the
 * process alive.
 *
 * @throws OverlayError `OVERLAY_INSTANCE_FAILED`.
 */
export async function serve(path: string, self: InstanceHolder): Promise<HolderServer | undefined> {
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.unref();
    // Whoever waits may end at any time; that is no trouble of the holder's.
    socket.on('error', () => undefined);
    socket.on('close', () => waiting.delete(socket));
    socket.resume();
    socket.write(formatHolder(self));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') return undefined;
    throw new OverlayError(
      'OVERLAY_INSTANCE_FAILED',
      `cannot take the abstract socket @${path.slice(1)}: ${errorText(error)}; it keeps a second agent from this host`,
      { cause: error },
    );
  }
  // An accept that fails (too many open files) leaves the name held, which is all that matters.
  server.on('error', () => undefined);
  server.unref();
  let closed: Promise<void> | undefined;
  return {
    close: () =>
      (closed ??= new Promise<void>((resolve) => {
        // The name is free as soon as close returns, so nobody who is let go finds it taken.
        server.close(() => resolve());
        for (const socket of waiting) socket.destroy();
      })),
  };
}
