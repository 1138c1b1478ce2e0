import process from 'node:process';
import { AssertionError } from 'node:assert';
import { errorText } from '@overlay/core';

/**
 * Errors that nobody waits for: thrown by a timer or an event, or rejections that were never handled. They would end the
 * process, with everything that the test under way has made still there.
 */
export class StrayErrors {
  readonly #errors: unknown[] = [];
  readonly #caught = (error: unknown): void => void this.#errors.push(error);

  /** Begins to listen, for the whole process. */
  constructor() {
    process.on('uncaughtException', this.#caught);
    process.on('unhandledRejection', this.#caught);
  }

  /** Runs a test, which fails when there were some meanwhile. */
  readonly around = async <T>(run: () => Promise<T>): Promise<T> => {
    const ended = await run();
    // Rejections are told when the microtasks have run out.
    await new Promise((resolve) => setImmediate(resolve));
    const found = this.take();
    if (found.length === 0) return ended;
    throw new AssertionError({ message: `errors that nobody has handled: ${found.join('; ')}` });
  };

  /** Those that no test has had, a line each. */
  take(): readonly string[] {
    return this.#errors.splice(0).map((error) => errorText(error).split('\n')[0]);
  }

  close(): void {
    process.off('uncaughtException', this.#caught);
    process.off('unhandledRejection', this.#caught);
  }
}
