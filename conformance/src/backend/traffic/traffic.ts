import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Address } from '@overlay/core';
import { addressFamily } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';
import { until } from '../../suite/until.js';

const SERVER = fileURLToPath(new URL('./echo-server.js', import.meta.url));
const CLIENT = fileURLToPath(new URL('./echo-client.js', import.meta.url));
const SINK = fileURLToPath(new URL('./datagram-sink.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('./datagram-source.js', import.meta.url));
const START_MS = 5000;
/** The port of the echo server, for TCP and UDP. */
export const ECHO_PORT = 7007;

/** A server that sends back what it gets. */
export interface Echo {
  close(): Promise<void>;
}

/** A program of ours that listens, and what it has printed. */
interface Listener extends Echo {
  said(): string;
}

async function startListener(node: NetworkNode, program: string, directory: string): Promise<Listener> {
  const logFile = path.join(directory, `${path.basename(program, '.js')}-${node.name}-${performance.now()}.log`);
  const child = node.spawn([process.execPath, program, String(ECHO_PORT)], { logFile });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const said = (): string => readFileSync(logFile, 'utf8');
  try {
    await until(
      () => `${path.basename(program)} listens; it said: ${said()}`,
      START_MS,
      () => said().includes('listening'),
    );
    return { said, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts an echo server in a namespace. `directory` is where it may write. */
export async function startEcho(node: NetworkNode, directory: string): Promise<Echo> {
  return startListener(node, SERVER, directory);
}

/** What to send. */
export interface Exchange {
  /** Bytes of payload of each datagram. */
  readonly udp: readonly number[];
  /** Bytes to send over each connection. */
  readonly tcp: readonly number[];
}

/** Sends all of it to an echo server and tells how many bytes came back unchanged of each; -1 for what did not. */
export async function exchange(from: NetworkNode, to: Address, { udp, tcp }: Exchange): Promise<Exchange> {
  const argv = [process.execPath, CLIENT, to, String(ECHO_PORT), udp.join(','), tcp.join(',')];
  const { stdout } = await from.exec(argv);
  return JSON.parse(stdout) as Exchange;
}

/** Datagrams that are sent of each sort. */
const DATAGRAMS = 10;

/**
 * Sends datagrams from a pod, first from its own address, then from one that it has no right to; tells which arrived at
 * the other pod. `directory` is where the receiver may write.
 */
export async function receivedFrom(
  from: NetworkNode,
  to: NetworkNode,
  source: Address,
  directory: string,
): Promise<{ readonly honest: boolean; readonly spoofed: boolean }> {
  const family = addressFamily(source);
  const [own, destination] = [from.addresses[family] as Address, to.addresses[family] as Address];
  const sink = await startListener(to, SINK, directory);
  const arrived = (address: Address): boolean => sink.said().includes(`from ${address}\n`);
  const send = async (as: Address): Promise<void> => {
    await from.exec([process.execPath, SOURCE, as, destination, String(ECHO_PORT), String(DATAGRAMS)]);
  };
  try {
    const length = family === 'ipv4' ? 32 : 128;
    await from.exec(['ip', 'addr', 'add', `${source}/${length}`, 'dev', 'lo', ...(length === 128 ? ['nodad'] : [])]);
    await send(source);
    // Sent after the others on the same way: what was going to arrive has arrived before these.
    await send(own);
    await until('an honest datagram', START_MS, () => arrived(own)).catch(() => undefined);
    return { honest: arrived(own), spoofed: arrived(source) };
  } finally {
    await sink.close();
  }
}
