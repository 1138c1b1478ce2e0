import type { LogFields, Logger } from '@overlay/core';

/** How many lines are kept for a failure's message. */
const KEPT = 40;

/** Keeps the last lines that were logged. */
export class LogLines implements Logger {
  readonly lines: string[] = [];

  debug(): void {
    // What is of use to nobody but a developer of the one part.
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields);
  }

  #keep(level: string, message: string, fields?: LogFields): void {
    this.lines.push(`${level} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
    if (this.lines.length > KEPT) this.lines.shift();
  }
}
