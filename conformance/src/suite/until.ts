import { AssertionError } from 'node:assert';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds between two looks at a condition. */
const LOOK_EVERY_MS = 5;

/**
 * Looks until a condition gives something true, and gives that back.
 *
 * @param what names the condition in the failure; a function tells how far it is by then.
 * @throws AssertionError when `timeoutMs` are over.
 */
export async function until<T>(
  what: string | (() => string),
  timeoutMs: number,
  condition: () => T | Promise<T>,
): Promise<Exclude<T, false | undefined | null>> {
  for (const end = performance.now() + timeoutMs; ;) {
    const answer = await condition();
    if (answer) return answer as Exclude<T, false | undefined | null>;
    if (performance.now() > end) {
      const text = typeof what === 'string' ? what : what();
      throw new AssertionError({ message: `not within ${timeoutMs} ms: ${text}` });
    }
    await delay(LOOK_EVERY_MS);
  }
}

/**
 * Ends with what a promise gives.
 *
 * @throws AssertionError when it gives nothing within `timeoutMs`; and what the promise rejects with.
 */
export async function within<T>(what: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw new AssertionError({ message: `not within ${timeoutMs} ms: ${what}` });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}
