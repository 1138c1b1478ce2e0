import { errorCode, errorText } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import { wait } from '../wait.js';
import { unlessAborted } from '../deferred.js';

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;

/** Errors that trying again cannot mend: a person or the caller has to do something first. */
const FATAL_CODES: ReadonlySet<string> = new Set([
  'OVERLAY_BACKEND_UNKNOWN',
  'OVERLAY_CLOSED',
  'OVERLAY_CONFIG_INVALID',
  'OVERLAY_LEASE_INVALID',
  'OVERLAY_NOT_SUPPORTED',
]);

/** Whether an error is one that trying again cannot mend. A full range is none: leases expire. */
export function isFatal(error: unknown): boolean {
  return FATAL_CODES.has(errorCode(error) ?? '');
}

/**
 * Milliseconds to wait after the given number of failures in a row (1 or more): 1 s, doubling up to 30 s, each made up
 * to a quarter longer by chance, so that hosts which lost one server do not come back in one instant.
 */
export function retryDelay(failures: number, random: () => number): number {
  const base = Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 16), LONGEST_DELAY_MS);
  return Math.min(Math.round(base * (1 + random() / 4)), LONGEST_DELAY_MS);
}

/** What failed and when it is tried again, in one line. */
export function failureText(what: string, error: unknown, delayMs: number): string {
  return `${what} failed, tried again after ${Math.max(1, Math.round(delayMs / 1000))} s: ${errorText(error)}`;
}

/** What repeating an attempt needs. */
export interface RetryPorts {
  readonly clock: Clock;
  readonly random: () => number;
}

/** One operation that is repeated until it succeeds. */
export interface Retried<T> {
  /** What is attempted, for messages: `acquiring a lease`. */
  readonly what: string;
  readonly signal: AbortSignal;
  attempt(): Promise<T>;
  /** Called after each failure that is not final, before waiting. */
  failed(error: unknown, delayMs: number): void;
}

/**
 * Repeats an operation until it succeeds. Rejects with the operation's error when that is fatal, and with
 * `OVERLAY_ABORTED` as soon as the signal is given, even while an attempt hangs.
 */
export async function retry<T>(ports: RetryPorts, operation: Retried<T>): Promise<T> {
  const { what, signal } = operation;
  for (let failures = 1; ; failures++) {
    try {
      return await unlessAborted(operation.attempt(), what, signal);
    } catch (error) {
      if (signal.aborted || isFatal(error)) throw error;
      const delay = retryDelay(failures, ports.random);
      operation.failed(error, delay);
      await wait(ports.clock, delay, what, signal);
    }
  }
}
