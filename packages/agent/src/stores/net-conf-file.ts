import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { NetConf } from '@overlay/core';
import { errorText, OverlayError, parseNetConf } from '@overlay/core';

/**
 * Reads the configuration once, before anything is touched: a wrong one ends the start in an instant, also while another
 * agent holds the host.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` with one line.
 */
export function readConfiguration(path: string): NetConf {
  const full = resolve(path);
  let text: string;
  try {
    text = readFileSync(full, 'utf8');
  } catch (cause) {
    throw new OverlayError(
      'OVERLAY_CONFIG_INVALID',
      `--net-config-path: expected a file with the network's configuration, got ${errorText(cause)}`,
      { key: '--net-config-path', cause },
    );
  }
  return parseNetConf(text, { source: full });
}
