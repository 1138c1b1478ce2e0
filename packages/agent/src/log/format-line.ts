import type { LogFields } from '@overlay/core';
import type { LogFormat, LogLevel } from '../flags/settings.js';

/** One thing to say. */
export interface LogLine {
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: LogFields;
}

/** A line of the log with its end, in either format: one line whatever the message holds. */
export function formatLine(line: LogLine, format: LogFormat): string {
  const { time, level, message, fields = {} } = line;
  const at = new Date(time).toISOString();
  if (format === 'json') {
    return `${JSON.stringify({ ...jsonFields(fields), time: at, level, msg: message })}\n`;
  }
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${textValue(value)}`);
  return `${at} ${level.padEnd(5)} ${printable(message)}${rest.join('')}\n`;
}

/** JSON has no way of its own for errors and big integers. */
function jsonFields(fields: LogFields): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]): [string, unknown] => {
    if (value instanceof Error) return [name, value.message];
    return [name, typeof value === 'bigint' ? value.toString() : value];
  });
  return Object.fromEntries(entries);
}

function textValue(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string' && /^[\w.:/@+-]+$/.test(value)) return value;
  return JSON.stringify(value) ?? 'undefined';
}

/** What came from outside must not be able to end the line or to speak to the terminal. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, (character) => JSON.stringify(character).slice(1, -1));
}
