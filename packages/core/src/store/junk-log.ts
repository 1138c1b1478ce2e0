import type { Logger } from '../ports/logger.js';

/** Lines in the log at one time; a store that is full of junk is told of, not listed. */
const MOST_LINES = 20;

/** What a {@link JunkLog} says and where. */
export interface JunkLogOptions {
  readonly logger: Logger;
  /** The store, as lines begin: `etcd`, or a directory's path. */
  readonly store: string;
  /** What lies in it, as people call it: `keys`, `files`. */
  readonly things: string;
}

/** Says once of each thing in a store that it is no lease and why; again only when the reason changes. */
export class JunkLog {
  readonly #reasons = new Map<string, string>();
  readonly #options: JunkLogOptions;
  #silenced = false;

  constructor(options: JunkLogOptions) {
    this.#options = options;
  }

  /** @param known whether it was a lease before, which then stays in force */
  junk(name: string, why: string, known: boolean): void {
    const { logger, store, things } = this.#options;
    if (this.#reasons.get(name) === why) return;
    this.#reasons.set(name, why);
    if (this.#reasons.size > MOST_LINES) {
      if (!this.#silenced) logger.warn(`${store}: more than ${MOST_LINES} ${things} are junk; no more are named`);
      this.#silenced = true;
      return;
    }
    const effect = known ? 'what it said before stays in force' : 'it is ignored';
    logger.warn(`${store}: ${JSON.stringify(name)} is no lease: ${why}; ${effect}`, { name, why });
  }

  /** It is gone, or has become good. */
  clear(name: string): void {
    this.#reasons.delete(name);
    if (this.#reasons.size <= MOST_LINES / 2) this.#silenced = false;
  }

  /** All others are gone. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#reasons.keys()) if (!names.has(name)) this.clear(name);
  }
}
