import { existsSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { errorText, OverlayError } from '@overlay/core';
import { makeDirectory } from '../files/replace-file.js';
import type { ControlRequest } from './protocol.js';
import { LONGEST_REQUEST, parseRequest } from './protocol.js';

/** A connection that says nothing for so long is closed, in milliseconds. */
const IDLE_MS = 10_000;

export interface ControlServerOptions {
  /** The socket's path. Whoever holds the instance may replace what an agent left there that was killed. */
  readonly path: string;
  /** Gives the answer as JSON text. What it throws is told to whoever asked. */
  readonly answer: (request: ControlRequest) => Promise<string>;
}

/** Answers the commands of this host's administrator until it is closed. */
export interface ControlServer {
  close(): void;
}

/**
 * Listens on a socket that only its owner, root, can connect to.
 *
 * @throws OverlayError `OVERLAY_CONTROL_LISTEN`.
 */
export async function serveControl({ path, answer }: ControlServerOptions): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Whoever asks may go away at any time.
    socket.on('error', () => undefined);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    read(socket, answer);
  });
  try {
    if (!existsSync(dirname(path))) makeDirectory(dirname(path));
    rmSync(path, { force: true });
    await listen(server, path);
  } catch (cause) {
    throw new OverlayError(
      'OVERLAY_CONTROL_LISTEN',
      `cannot listen on ${path}: ${errorText(cause)}; \`overlay status\` and \`overlay apply\` will not reach this agent; ` +
        'choose another directory with --run-dir',
      { key: '--run-dir', cause },
    );
  }
  server.on('error', () => undefined);
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket is made before listen returns; nobody else is to connect in between.
    const umask = process.umask(0o177);
    try {
      server.listen({ path }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

function read(socket: Socket, answer: ControlServerOptions['answer']): void {
  let text = '';
  let asked = false;
  socket.setEncoding('utf8').on('data', (part: string) => {
    if (asked) return;
    text += part;
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= LONGEST_REQUEST) return;
    asked = true;
    // What was asked may take its time.
    socket.setTimeout(0);
    const request = end < 0 ? undefined : parseRequest(text.slice(0, end));
    const refuse = (why: string): void => void socket.end(`${JSON.stringify({ error: why })}\n`);
    if (request === undefined) refuse('this version of overlayd does not know that request');
    else
      answer(request).then(
        (json) => socket.end(`{"answer":${json}}\n`),
        (error: unknown) => refuse(errorText(error)),
      );
  });
}
