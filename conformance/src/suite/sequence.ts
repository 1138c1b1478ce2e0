import { errorText } from '@overlay/core';
import type { TestFramework } from './framework.js';

/** One test of a {@link TestSequence}. */
interface Entry {
  readonly name: string;
  readonly body: () => Promise<void>;
}

/** What a {@link TestSequence} tells while it runs. */
export interface SequenceListener {
  readonly onBegin?: (name: string) => void;
  readonly onEnd?: (name: string, problem: string | undefined) => void;
}

/**
 * A framework of the suite's own, for programs: it collects tests, then runs them one after the other. The tests' own time
 * limits hold; nothing is printed.
 */
export class TestSequence implements TestFramework {
  readonly #entries: Entry[] = [];
  readonly #afters: (() => Promise<void>)[] = [];

  /** How many tests there are to run. */
  get size(): number {
    return this.#entries.length;
  }

  describe(_name: string, body: () => void): void {
    body();
  }

  test(name: string, body: () => Promise<void>): void {
    this.#entries.push({ name, body });
  }

  skip(): void {
    // Whoever registers tests is told of these as outcomes.
  }

  after(body: () => Promise<void>): void {
    this.#afters.push(body);
  }

  /**
   * Runs the tests. When told to stop it ends after the one that runs; the others have then not run.
   *
   * @returns how many tests failed.
   */
  async run(options: SequenceListener & { readonly signal?: AbortSignal } = {}): Promise<number> {
    const { signal, onBegin, onEnd } = options;
    let failed = 0;
    for (const { name, body } of this.#entries) {
      if (signal?.aborted) break;
      onBegin?.(name);
      let problem: string | undefined;
      try {
        await body();
      } catch (error) {
        problem = errorText(error);
        failed += 1;
      }
      onEnd?.(name, problem);
    }
    await this.#end();
    return failed;
  }

  /** Runs all tests at once: for those that share nothing, as in memory. */
  async runAtOnce(): Promise<void> {
    await Promise.allSettled(this.#entries.map(({ body }) => body()));
    await this.#end();
  }

  async #end(): Promise<void> {
    for (const after of this.#afters) await after();
  }
}
