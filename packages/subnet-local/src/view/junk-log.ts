import type { Logger } from '@overlay/core';

/** Files that people keep beside leases and that are no mistake. */
const WELCOME = new Set(['net-conf.json', 'lost+found']);

/** Says once of each file that it is no lease and why; again only when the reason changes. */
export class JunkLog {
  readonly #reasons = new Map<string, string>();

  constructor(
    private readonly directory: string,
    private readonly logger: Logger,
  ) {}

  /** @param known whether the file was a lease before, which then stays in force */
  report(name: string, why: string, known: boolean): void {
    if (WELCOME.has(name) || this.#reasons.get(name) === why) return;
    this.#reasons.set(name, why);
    const effect = known ? 'what it said before stays in force' : 'it is ignored';
    this.logger.warn(`${this.directory}: ${JSON.stringify(name)} is no lease: ${why}; ${effect}`, { file: name, why });
  }

  clear(name: string): void {
    this.#reasons.delete(name);
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#reasons.keys()) if (!names.has(name)) this.#reasons.delete(name);
  }
}
