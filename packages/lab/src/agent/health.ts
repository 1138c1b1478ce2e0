import process from 'node:process';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';

/** What an HTTP server inside a namespace answered. */
export interface HealthAnswer {
  /** The HTTP status; 0 when nobody listens there. */
  readonly status: number;
  /** The body; or why there was no answer. */
  readonly body: string;
}

/**
 * A whole program, because only a process that was started in the namespace can connect there: this one cannot move.
 * Given by -e, so that it works from a bundle too.
 */
const GET = `
const request = require('node:http').get(process.argv[1], { timeout: 2000 }, (response) => {
  let body = '';
  response.setEncoding('utf8').on('data', (text) => (body += text));
  response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, body })));
});
request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
request.on('error', (error) => console.log(JSON.stringify({ status: 0, body: error.message })));
`;

/**
 * Asks an HTTP server on 127.0.0.1 in a namespace: `health(host, 9980, '/readyz')`.
 *
 * @throws OverlayError `OVERLAY_LAB_COMMAND` when the question could not be put, `OVERLAY_ABORTED`.
 */
export async function health(
  node: NetworkNode,
  port: number,
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<HealthAnswer> {
  const argv = [process.execPath, '-e', GET, `http://127.0.0.1:${port}${path}`];
  // What instruments this process (a debugger, a test runner's flags) is not for the helper.
  const { NODE_OPTIONS: _ignored, ...env } = process.env;
  const { stdout } = await node.exec(argv, { ...options, env });
  try {
    return JSON.parse(stdout) as HealthAnswer;
  } catch (cause) {
    throw new OverlayError('OVERLAY_LAB_COMMAND', `lab: ask ${path} on ${node.name}: no answer`, { cause });
  }
}
