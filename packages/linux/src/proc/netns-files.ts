import { access } from 'node:fs/promises';
import { KernelError } from '../netlink/error.js';
import { readNetnsFile, writeNetnsFile } from '../netlink/netns-file.js';
import type { ProcFiles } from './files.js';

/**
 * The files under /proc as they are in another network namespace, without this process entering it.
 *
 * @param netns path of the namespace: `/run/netns/h1`.
 */
export function netnsProcFiles(netns: string): ProcFiles {
  return {
    async read(path) {
      try {
        return await readNetnsFile(netns, ownThread(path));
      } catch (error) {
        if (!(error instanceof KernelError) || !MISSING.has(error.errnoName)) throw error;
        // The same error comes for a namespace that is gone, and that must not look like a kernel without the setting.
        await access(netns);
        return undefined;
      }
    },
    write: (path, text) => writeNetnsFile(netns, ownThread(path), text),
  };
}

/** ENODEV is what the settings of a device give that is just going. */
const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ENODEV']);

/** /proc/net is the main thread's; only the thread that enters the namespace sees that one. */
function ownThread(path: string): string {
  return path.replace(/^\/proc\/(?:self\/)?net\//, '/proc/thread-self/net/');
}
