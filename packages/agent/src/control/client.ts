import { connect } from 'node:net';
import { errorCode, errorText, OverlayError } from '@overlay/core';
import type { ControlRequest } from './protocol.js';

export interface AskOptions {
  /** The agent's socket. */
  readonly path: string;
  /** Milliseconds that it may take to answer. */
  readonly timeoutMs: number;
}

/**
 * Asks the agent that listens on a socket.
 *
 * @throws OverlayError `OVERLAY_AGENT_ABSENT` when nobody listens there, `OVERLAY_AGENT_DENIED` without the right to
 *   connect, `OVERLAY_AGENT_SILENT` when there is no answer in time, `OVERLAY_AGENT_REFUSED` with the agent's reason.
 */
export async function askAgent(request: ControlRequest, { path, timeoutMs }: AskOptions): Promise<unknown> {
  const line = await exchange(`${JSON.stringify(request)}\n`, path, timeoutMs);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new OverlayError('OVERLAY_AGENT_SILENT', `the agent on ${path} went away before it had answered`, { cause });
  }
  const { answer, error } = value as { answer?: unknown; error?: unknown };
  if (typeof error === 'string') throw new OverlayError('OVERLAY_AGENT_REFUSED', `the agent says: ${error}`);
  return answer;
}

function exchange(request: string, path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path });
    const timer = setTimeout(() => {
      reject(new OverlayError('OVERLAY_AGENT_SILENT', `the agent on ${path} did not answer within ${timeoutMs} ms`));
      socket.destroy();
    }, timeoutMs);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(request));
    socket.on('data', (part: string) => (text += part));
    socket.on('error', (error) => reject(notReached(path, error)));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

function notReached(path: string, cause: Error): OverlayError {
  const code = errorCode(cause);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new OverlayError('OVERLAY_AGENT_ABSENT', `no agent listens on ${path}`, { cause });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new OverlayError('OVERLAY_AGENT_DENIED', `no right to connect to ${path}; ask as root`, { cause });
  }
  return new OverlayError('OVERLAY_AGENT_SILENT', `asking the agent on ${path}: ${errorText(cause)}`, { cause });
}
