import process from 'node:process';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../../host/network-node.js';

/** One question to an API server. */
export interface ApiQuestion {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** After the server's URL, with the query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; `application/json` unless told. */
  readonly type?: string;
}

/** What the API server answered. */
export interface ApiAnswer {
  /** The HTTP status; 0 when nobody listens there. */
  readonly status: number;
  readonly body: unknown;
}

/** Where an API server is and who asks it. */
export interface ApiAccess {
  readonly url: string;
  readonly caFile: string;
  readonly token: string;
}

/** A whole program, because only a process of the namespace can connect there. It asks one question after the other. */
const ASK = `
const { readFileSync } = require('node:fs');
const { request } = require('node:https');
const { url, caFile, token, questions } = JSON.parse(readFileSync(0, 'utf8'));
const ask = ({ method, path, body, type = 'application/json' }) => new Promise((resolve) => {
  const headers = { authorization: 'Bearer ' + token, 'content-type': type, accept: 'application/json' };
  const outgoing = request(url + path, { method, headers, ca: readFileSync(caFile), timeout: 5000 }, (incoming) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (part) => (text += part));
    incoming.on('end', () => {
      try { resolve({ status: incoming.statusCode, body: JSON.parse(text) }); }
      catch { resolve({ status: incoming.statusCode, body: text }); }
    });
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 5 s')));
  outgoing.on('error', (error) => resolve({ status: 0, body: error.message }));
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
});
(async () => {
  const answers = [];
  for (const question of questions) {
    try { answers.push(await ask(question)); } catch (error) { answers.push({ status: 0, body: error.message }); }
  }
  console.log(JSON.stringify(answers));
})();
`;

/** Asks an API server from inside a namespace. @throws OverlayError `OVERLAY_LAB_COMMAND`, `OVERLAY_ABORTED` */
export async function askApi(
  node: NetworkNode,
  access: ApiAccess,
  questions: readonly ApiQuestion[],
  signal?: AbortSignal,
): Promise<readonly ApiAnswer[]> {
  const { NODE_OPTIONS: _ignored, ...env } = process.env;
  const input = JSON.stringify({ ...access, questions });
  const { stdout } = await node.exec([process.execPath, '-e', ASK], { env, input, ...(signal && { signal }) });
  return JSON.parse(stdout) as readonly ApiAnswer[];
}

/** The body of an answer. @throws OverlayError `OVERLAY_LAB_STORE` when the question was refused */
export function bodyOf<T>({ method, path }: ApiQuestion, { status, body }: ApiAnswer): T {
  if (status >= 200 && status < 300) return body as T;
  throw new OverlayError(
    'OVERLAY_LAB_STORE',
    `lab: ${method} ${path}: ${status} ${JSON.stringify(body).slice(0, 500)}`,
  );
}
