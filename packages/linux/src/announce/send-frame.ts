import { kernelError } from '../netlink/error.js';
import { loadNative } from '../netlink/native.js';
import type { AnnouncementFrame } from './frames.js';

/**
 * Sends a frame by a device.
 *
 * @param netns path of its network namespace; undefined: the process's own.
 * @throws KernelError `OVERLAY_FRAME`: `ENETDOWN` while the device is down, `EPERM` without CAP_NET_RAW.
 */
export function sendFrame(netns: string | undefined, index: number, frame: AnnouncementFrame): void {
  try {
    loadNative().sendFrame(netns, index, frame.etherType, frame.destination, frame.payload);
  } catch (error) {
    throw kernelError('OVERLAY_FRAME', `sending a frame by device ${index}`, error);
  }
}
