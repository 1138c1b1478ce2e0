import { until } from '../../../suite/until.js';
import type { TrafficStream } from '../environment.js';

const EVERY_MS = 2;
const MORE = 10;

/** Pings every 2 ms, for as long as a test lasts. */
export class MemoryStream implements TrafficStream {
  readonly #what: string;
  readonly #timer: NodeJS.Timeout;
  readonly #answered: number[] = [];
  #sent = 0;

  constructor(what: string, answers: () => boolean) {
    this.#what = what;
    this.#timer = setInterval(() => {
      this.#sent += 1;
      if (answers()) this.#answered.push(this.#sent);
    }, EVERY_MS);
  }

  async passes(timeoutMs: number): Promise<void> {
    const wanted = this.#answered.length + MORE;
    await until(
      () => `${this.#what}: ${MORE} answers, got ${this.#answered.length - wanted + MORE}`,
      timeoutMs,
      () => this.#answered.length >= wanted,
    );
  }

  async stop(): Promise<{ answered: number; lost: readonly number[] }> {
    clearInterval(this.#timer);
    const answered = new Set(this.#answered);
    const last = this.#answered.at(-1) ?? 0;
    const lost = Array.from({ length: last }, (_, at) => at + 1).filter((seq) => !answered.has(seq));
    return { answered: answered.size, lost };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }
}
