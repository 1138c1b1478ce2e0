import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { errorText, OverlayError } from '@overlay/core';
import { makeFoldersAbove } from '../report/text.js';

/**
 * Makes sure, before a run that takes minutes, that its results can be written; makes the folders above them.
 *
 * @param files by the option that names each.
 * @throws OverlayError `OVERLAY_CONFORMANCE_OUTPUT` naming the option.
 */
export async function checkWritable(files: Readonly<Record<string, string | undefined>>): Promise<void> {
  for (const [option, file] of Object.entries(files)) {
    if (file === undefined) continue;
    const existed = existsSync(file);
    try {
      await makeFoldersAbove(file);
      await (await open(file, 'a')).close();
    } catch (cause) {
      const message = `${option} ${file}: it cannot be written: ${errorText(cause)}`;
      throw new OverlayError('OVERLAY_CONFORMANCE_OUTPUT', message, { key: option, cause });
    }
    if (!existed) await rm(file);
  }
}
