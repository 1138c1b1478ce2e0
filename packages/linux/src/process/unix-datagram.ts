import { kernelError } from '../netlink/error.js';
import { loadNative } from '../netlink/native.js';

/**
 * Sends one datagram to a UNIX socket without waiting, which Node itself cannot.
 *
 * @param path of the socket, up to 107 bytes; one that begins with `@` is in the abstract namespace.
 * @throws KernelError `OVERLAY_UNIX_DATAGRAM`: `ENOENT` or `ECONNREFUSED` where nobody listens, `EAGAIN` while its queue
 *   is full.
 */
export function sendUnixDatagram(path: string, text: string): void {
  try {
    loadNative().sendUnixDatagram(path, Buffer.from(text));
  } catch (error) {
    throw kernelError('OVERLAY_UNIX_DATAGRAM', `sending a datagram to ${path}`, error);
  }
}
