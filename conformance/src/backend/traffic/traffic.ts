import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Address } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';
import { until } from '../../suite/until.js';

const SERVER = fileURLToPath(new URL('./echo-server.js', import.meta.url));
const CLIENT = fileURLToPath(new URL('./echo-client.js', import.meta.url));
const START_MS = 5000;
/** The port of the echo server, for TCP and UDP. */
export const ECHO_PORT = 7007;

/** A server that sends back what it gets. */
export interface Echo {
  close(): Promise<void>;
}

/** Starts an echo server in a namespace. `directory` is where it may write. */
export async function startEcho(node: NetworkNode, directory: string): Promise<Echo> {
  const logFile = path.join(directory, `echo-${node.name}-${performance.now()}.log`);
  const child = node.spawn([process.execPath, SERVER, String(ECHO_PORT)], { logFile });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    const said = (): string => readFileSync(logFile, 'utf8');
    await until(
      () => `the echo server listens; it said: ${said()}`,
      START_MS,
      () => said().includes('listening'),
    );
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What to send. */
export interface Exchange {
  /** Bytes of payload of one datagram. */
  readonly udpBytes: number;
  /** Bytes to send over one connection. */
  readonly tcpBytes: number;
}

/** Sends both to an echo server and tells how many bytes came back unchanged. */
export async function exchange(
  from: NetworkNode,
  to: Address,
  { udpBytes, tcpBytes }: Exchange,
): Promise<{ readonly udp: number; readonly tcp: number }> {
  const argv = [process.execPath, CLIENT, to, String(ECHO_PORT), String(udpBytes), String(tcpBytes)];
  const { stdout } = await from.exec(argv);
  return JSON.parse(stdout) as { udp: number; tcp: number };
}
