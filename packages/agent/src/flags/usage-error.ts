import { OverlayError } from '@overlay/core';

/** Text from a command line or the environment, fit for one line of a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** A command line that cannot be used. `code`: `OVERLAY_USAGE`; `key`: the flag or variable. */
export function usageError(message: string, key?: string): OverlayError {
  return new OverlayError('OVERLAY_USAGE', message, key === undefined ? {} : { key });
}
