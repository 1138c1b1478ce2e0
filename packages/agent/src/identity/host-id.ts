import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from '@overlay/core';
import { errorCode, errorText, OverlayError } from '@overlay/core';
import { createFile } from '../files/replace-file.js';
import { statePaths } from '../state-directory/state-paths.js';

const MODE = 0o644;

/**
 * The identity that was generated for this host and instance, generated now if there is none. It is kept in a file of
 * its own because a machine-id is often the same on cloned machines.
 *
 * @throws OverlayError `OVERLAY_HOST_ID` when it can be neither read nor stored: one that changes with each start would
 *   take another subnet each time.
 */
export function storedHostId(stateDirectory: string, instance: string, logger: Logger): string {
  const path = statePaths(stateDirectory, instance).hostId;
  try {
    const before = readHostId(path);
    if (before !== undefined) return before;
    const generated = randomUUID();
    createFile(path, { text: `${generated}\n`, mode: MODE });
    logger.info(`generated the identity of this host: ${generated}, kept in ${path}`);
    return generated;
  } catch (error) {
    // Another process of this host was quicker.
    if (errorCode(error) === 'EEXIST') return readHostId(path) ?? storedHostId(stateDirectory, instance, logger);
    throw new OverlayError(
      'OVERLAY_HOST_ID',
      `--host-id: this host has no identity, and none can be kept in ${path}: ${errorText(error)}; say who it is with ` +
        '--host-id=NAME or NODE_NAME, or where to keep it with --state-dir=DIR',
      { key: '--host-id', cause: error },
    );
  }
}

/** The identity in a file; undefined when there is no such file. Throws when what is there is none. */
export function readHostId(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const id = text.trim();
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (id === '' || id.length > 256 || /[\0-\x1f\x7f]/.test(id)) {
    throw new Error('expected one line of 1 to 256 characters in it; delete the file to have another generated');
  }
  return id;
}
