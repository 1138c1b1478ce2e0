import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { InstanceHolder } from './holder.js';
import { parseHolder } from './holder.js';

/** How long a holder may take to say who it is, in milliseconds. A stopped process (SIGSTOP) never does. */
const ANSWER_MS = 500;

/** How soon to try again where there is no connection to see close, in milliseconds. */
const RETRY_MS = 200;

/** A holder's line is short; what sends more is no agent. */
const LONGEST_LINE = 1024;

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly onWaiting?: (holder: InstanceHolder) => void;
}

/**
 * Resolves when the name may be free: the holder's connection has closed, or there is no holder to connect to. Resolves
 * at once on the signal, too. What `onWaiting` throws is thrown.
 */
export async function waitForEnd(path: string, { signal, onWaiting }: WaitOptions): Promise<void> {
  const startedAt = performance.now();
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ path });
    let opened = false;
    let text = '';
    let told = false;
    const tell = (holder: InstanceHolder): void => {
      told = true;
      clearTimeout(timer);
      try {
        onWaiting?.(holder);
      } catch (error) {
        reject(error);
        socket.destroy();
      }
    };
    const timer = setTimeout(() => {
      if (opened) tell({});
    }, ANSWER_MS);
    const stop = (): void => void socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    socket.on('connect', () => (opened = true));
    socket.on('data', (chunk: Buffer) => {
      if (told) return;
      text += chunk.toString('latin1');
      const end = text.indexOf('\n');
      if (end >= 0) tell(parseHolder(text.slice(0, end)));
      else if (text.length > LONGEST_LINE) tell({});
    });
    socket.on('end', stop);
    socket.on('error', () => undefined); // "close" follows
    socket.on('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
  // Whoever holds the name may accept nothing (its queue is full) or hang up at once; neither may make this spin.
  const rest = RETRY_MS - (performance.now() - startedAt);
  if (rest > 0 && !signal.aborted) await delay(rest, undefined, { signal }).catch(() => undefined);
}
