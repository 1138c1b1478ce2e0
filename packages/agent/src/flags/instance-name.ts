import { shown, usageError } from './usage-error.js';

/**
 * The name of an instance, which becomes part of paths and of devices' aliases.
 *
 * @throws OverlayError `OVERLAY_USAGE`.
 */
export function instanceName(text: string): string {
  if (/^[\w.-]{1,64}$/.test(text) && !/^\.+$/.test(text)) return text;
  throw usageError(`--instance: expected 1 to 64 letters, digits, "_", "." and "-", got ${shown(text)}`, '--instance');
}
