import type { LogFields, Logger } from '@overlay/core';
import type { LogFormat, LogLevel } from '../flags/settings.js';
import type { LogLine } from './format-line.js';
import { formatLine } from './format-line.js';

const ORDER: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes whole lines. */
  readonly write: (text: string) => void;
  /** Milliseconds since the Unix epoch. `Date.now` unless told. */
  readonly now?: () => number;
}

/**
 * The log of the process. Lines can be held back while it is not known yet whether the start comes to nothing: a wrong
 * configuration is then told in one line, not behind those about a beginning that no longer matters.
 */
export class Log implements Logger {
  readonly #options: LogOptions;
  #held: LogLine[] | undefined;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  debug(message: string, fields?: LogFields): void {
    this.#say('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#say('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#say('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#say('error', message, fields);
  }

  /** Keeps lines from now on until {@link release}; they have the time at which they were said. */
  hold(): void {
    this.#held ??= [];
  }

  /** Writes what is held, and everything from now on at once. */
  release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held.length > 0) this.#options.write(held.map((line) => this.#text(line)).join(''));
  }

  /** Says why everything ends. What is held is left unsaid; what is not held has told the reason already. */
  fail(message: string): void {
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.error(message);
  }

  #say(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (ORDER.indexOf(level) > ORDER.indexOf(this.#options.level)) return;
    const time = (this.#options.now ?? Date.now)();
    const line: LogLine = { time, level, message, ...(fields && { fields }) };
    if (this.#held !== undefined) this.#held.push(line);
    else this.#options.write(this.#text(line));
  }

  #text(line: LogLine): string {
    return formatLine(line, this.#options.format);
  }
}
