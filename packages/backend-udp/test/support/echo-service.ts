import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Address } from '@overlay/core';
import type { Lab, NetworkNode } from '@overlay/lab';

const PROGRAM = fileURLToPath(new URL('echo.js', import.meta.url));
const PORT = '7007';
const START_MS = 15_000;

/** Payloads to be sent and compared. */
export interface Lengths {
  readonly from: number;
  readonly to: number;
  readonly step?: number;
}

/** Has a node send back what it gets, by TCP and UDP. It ends with the lab. */
export async function serveEcho(lab: Lab, node: NetworkNode, address: Address): Promise<void> {
  const logFile = path.join(lab.directory, `${node.name}-echo.log`);
  node.spawn([process.execPath, PROGRAM, 'serve', address, PORT], { logFile });
  const deadline = Date.now() + START_MS;
  while (!readFileSync(logFile, 'utf8').includes('serving')) {
    if (Date.now() > deadline) throw new Error(`the echo service on ${node.name}: ${readFileSync(logFile, 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends payloads of all lengths to an echo service and compares what comes back. Gives how many there were. */
export async function compareEchoes(
  node: NetworkNode,
  protocol: 'tcp' | 'udp',
  address: Address,
  { from, to, step = 1 }: Lengths,
): Promise<number> {
  const numbers = [from, to, step].map(String);
  const { stdout } = await node.exec([process.execPath, PROGRAM, 'ask', protocol, address, PORT, ...numbers]);
  return Number(stdout);
}
