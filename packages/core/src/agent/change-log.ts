import type { Logger } from '../ports/logger.js';

/** Writes a line when what it says about a subject differs from the last time, and none when it is the same. */
export class ChangeLog {
  readonly #logger: Logger;
  readonly #said = new Map<string, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  info(subject: string, message: string): void {
    if (this.#differs(subject, message)) this.#logger.info(message);
  }

  warn(subject: string, message: string): void {
    if (this.#differs(subject, message)) this.#logger.warn(message);
  }

  error(subject: string, message: string): void {
    if (this.#differs(subject, message)) this.#logger.error(message);
  }

  /** Says that a trouble is over, if one was told of. */
  over(subject: string, message: string): void {
    if (this.#said.delete(subject)) this.#logger.info(message);
  }

  #differs(subject: string, message: string): boolean {
    if (this.#said.get(subject) === message) return false;
    this.#said.set(subject, message);
    return true;
  }
}
