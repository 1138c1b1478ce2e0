import type { Logger } from '@overlay/core';
import type { JunkListener } from '../store/lease-book.js';

/** Lines in the log at one time; a prefix that is full of junk is told of, not listed. */
const MOST_LINES = 20;

/** Says once of each key that it is ignored and why; again only when the reason changes. */
export class JunkLog implements JunkListener {
  readonly #reasons = new Map<string, string>();
  #silenced = false;

  constructor(private readonly logger: Logger) {}

  junk(key: string, why: string, known: boolean): void {
    if (this.#reasons.get(key) === why) return;
    this.#reasons.set(key, why);
    if (this.#reasons.size > MOST_LINES) {
      if (!this.#silenced)
        this.logger.warn(`etcd: more than ${MOST_LINES} keys under the prefix are junk; no more are named`);
      this.#silenced = true;
      return;
    }
    const effect = known ? 'what it said before stays in force' : 'it is ignored';
    this.logger.warn(`etcd: ${JSON.stringify(key)} is no lease: ${why}; ${effect}`, { key, why });
  }

  clear(key: string): void {
    this.#reasons.delete(key);
    if (this.#reasons.size <= MOST_LINES / 2) this.#silenced = false;
  }
}
