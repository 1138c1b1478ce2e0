/** Values that belong to a log line, by name. Never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where a part says what changed. Libraries of this project print nothing by themselves; an agent gives its own.
 * A line is written when a state changes, not each time it is looked at.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const nothing = (): void => undefined;

/** A logger that keeps silent: what a library uses when it is given none. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
