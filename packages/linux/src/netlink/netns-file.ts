import { kernelError } from './error.js';
import { loadNative } from './native.js';

/**
 * Reads a file as it is in a network namespace: `/proc/sys/net/...`. For `/proc/net/...` name `/proc/thread-self/net/...`,
 * because `/proc/net` belongs to the process, not to the thread that enters the namespace.
 *
 * @param netns Path of the namespace (`/run/netns/h1`); undefined: the process's own.
 * @throws KernelError `OVERLAY_NETNS_FILE`, with `errnoName` `ENOENT` when there is no such file.
 */
export async function readNetnsFile(netns: string | undefined, path: string): Promise<string> {
  try {
    return await loadNative().readNetnsFile(netns, path);
  } catch (error) {
    throw kernelError('OVERLAY_NETNS_FILE', `reading ${path}${within(netns)}`, error);
  }
}

/**
 * Writes a file as it is in a network namespace, by one write(2) as sysctl wants it. The file must exist; it is not
 * truncated.
 *
 * @throws KernelError `OVERLAY_NETNS_FILE`.
 */
export async function writeNetnsFile(netns: string | undefined, path: string, text: string): Promise<void> {
  try {
    await loadNative().writeNetnsFile(netns, path, text);
  } catch (error) {
    throw kernelError('OVERLAY_NETNS_FILE', `writing ${JSON.stringify(text)} to ${path}${within(netns)}`, error);
  }
}

function within(netns: string | undefined): string {
  return netns === undefined ? '' : ` in ${netns}`;
}
