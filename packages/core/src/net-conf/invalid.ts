import { OverlayError } from '../errors.js';

/** What a configuration is called in messages when its reader does not say. */
export const DEFAULT_SOURCE = 'net-conf.json';

/** The error of a wrong value: one line that names the key, what was expected and what came. */
export function invalidKey(source: string, key: string, expected: string, got: string): OverlayError {
  return new OverlayError('OVERLAY_CONFIG_INVALID', `${source}: ${key}: expected ${expected}, got ${got}`, { key });
}
