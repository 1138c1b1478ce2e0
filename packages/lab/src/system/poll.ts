import { setTimeout as delay } from 'node:timers/promises';
import { abortError } from '@overlay/core';

/** How long to poll, and how often. */
export interface PollOptions {
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks; default 10. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks until a condition holds, at least once, and tells whether it did before the time was up.
 *
 * @throws OverlayError `OVERLAY_ABORTED`, and whatever the condition throws.
 */
export async function poll(condition: () => boolean | Promise<boolean>, options: PollOptions): Promise<boolean> {
  const { timeoutMs, intervalMs = 10, signal } = options;
  for (const end = performance.now() + timeoutMs; ;) {
    if (signal?.aborted) throw abortError('lab: wait', signal);
    if (await condition()) return true;
    if (performance.now() >= end) return false;
    try {
      await delay(intervalMs, undefined, { signal });
    } catch {
      throw abortError('lab: wait', signal);
    }
  }
}
