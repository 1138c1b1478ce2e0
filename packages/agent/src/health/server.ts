import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode, errorText, isLoopback, OverlayError, throwIfAborted, tryParseAddress } from '@overlay/core';
import type { Answer } from './answers.js';

/** A connection that says nothing for so long is closed, in milliseconds. */
const IDLE_MS = 10_000;

/** How long the port of an agent that has just ended may still be taken, and how often that is tried, in milliseconds. */
const TAKEN_MS = 1000;
const AGAIN_MS = 20;

/** What people are told of a port. */
export interface ServedHere {
  /** The flag that sets it. */
  readonly flag: string;
  readonly purpose: string;
  /** The paths that are answered. */
  readonly paths: string;
}

const HEALTH: ServedHere = {
  flag: '--healthz-port',
  purpose: 'health checks',
  paths: '/healthz, /readyz and /status',
};

export interface HealthServerOptions {
  readonly address: string;
  /** 1 to 65535; 0 lets the kernel choose one. */
  readonly port: number;
  readonly signal: AbortSignal;
  /** What is served there; health unless told. */
  readonly what?: ServedHere;
  /** The answer to a path, or undefined when there is no such path. `fromHere`: whether this host itself asks. */
  readonly answer: (path: string, asker: { readonly fromHere: boolean }) => Promise<Answer | undefined>;
}

/** Answers over HTTP until it is closed. */
export interface HealthServer {
  readonly port: number;
  close(): void;
}

/**
 * Listens. The HTTP implementation is loaded when the first connection comes: until then the port is a plain TCP one,
 * which keeps it out of the way of the start.
 *
 * @throws OverlayError `OVERLAY_HEALTH_LISTEN`, `OVERLAY_ABORTED`.
 */
export async function listenHealth(options: HealthServerOptions): Promise<HealthServer> {
  const { address, port, signal, what = HEALTH } = options;
  const sockets = new Set<Socket>();
  let http: Promise<HttpServer> | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Whoever asks may go away at any time.
    socket.on('error', () => undefined);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    http ??= loadHttp({ ...options, what });
    http.then(
      (loaded) => void loaded.emit('connection', socket),
      () => socket.destroy(),
    );
  });
  const deadline = performance.now() + TAKEN_MS;
  for (;;) {
    throwIfAborted(`listening for ${what.purpose}`, signal);
    try {
      await listen(server, address, port);
      break;
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE' || performance.now() > deadline)
        throw refused({ address, port, what }, error);
      await delay(AGAIN_MS);
    }
  }
  server.on('error', () => undefined);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

type Answering = Pick<HealthServerOptions, 'answer'> & { readonly what: ServedHere };

async function loadHttp(answering: Answering): Promise<HttpServer> {
  const { createServer: createHttpServer } = await import('node:http');
  return createHttpServer((request, response) => respond(request, response, answering));
}

function respond(request: IncomingMessage, response: ServerResponse, { answer, what }: Answering): void {
  const reply = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    reply(405, 'text/plain; charset=utf-8', 'only GET and HEAD are answered here\n');
    return;
  }
  const fromHere = isThisHost(request.socket);
  answer((request.url ?? '/').split('?', 1)[0], { fromHere }).then(
    (found) => {
      if (found === undefined) reply(404, 'text/plain; charset=utf-8', `there is ${what.paths}\n`);
      else reply(found.status, found.type, found.body);
    },
    (error: unknown) => reply(500, 'text/plain; charset=utf-8', `the answer failed: ${errorText(error)}\n`),
  );
}

/** By a loopback address, or from one of the host's own addresses to itself. */
function isThisHost({ remoteAddress, localAddress }: Socket): boolean {
  const remote = remoteAddress === undefined ? undefined : tryParseAddress(remoteAddress);
  return remote !== undefined && (isLoopback(remote) || remoteAddress === localAddress);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      server.off('listening', listening);
      reject(error);
    };
    const listening = (): void => {
      server.off('error', failed);
      resolve();
    };
    server.once('error', failed).once('listening', listening).listen({ host, port });
  });
}

function refused({ address, port, what }: RefusedPort, cause: unknown): OverlayError {
  const flag = errorCode(cause) === 'EADDRNOTAVAIL' ? '--healthz-ip' : what.flag;
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return new OverlayError(
    'OVERLAY_HEALTH_LISTEN',
    `${flag}: cannot listen on ${where} for ${what.purpose}: ${errorText(cause)}; choose another, or ${what.flag}=0 for none`,
    { key: flag, cause },
  );
}

interface RefusedPort {
  readonly address: string;
  readonly port: number;
  readonly what: ServedHere;
}
