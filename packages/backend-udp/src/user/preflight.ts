import { access, constants } from 'node:fs/promises';
import { errorText, OverlayError } from '@overlay/core';
import type { Finding } from '@overlay/core';
import { loadNativeEngine } from './native.js';

const CHECK = 'udp-user';
const TUN_FILE = '/dev/net/tun';

/** Whether the engine can be had here: its addon for this processor, and a TUN driver that lets us in. */
export async function userPreflight(tunFile = TUN_FILE, load = loadNativeEngine): Promise<readonly Finding[]> {
  try {
    load();
  } catch (error) {
    if (!(error instanceof OverlayError)) throw error;
    const [message, ...remedies] = errorText(error).split('; ');
    return [
      {
        level: 'error',
        check: CHECK,
        message: `the user path is not available: ${message}`,
        remedy: remedies.join('; ') || 'use vxlan',
      },
    ];
  }
  try {
    await access(tunFile, constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return [
      {
        level: 'error',
        check: CHECK,
        message: `the user path is not available: ${tunFile} ${missing ? 'is not there' : 'may not be opened'}`,
        remedy: missing
          ? 'load the module tun (modprobe tun), or give the container that device'
          : 'run as root, with CAP_NET_ADMIN',
      },
    ];
  }
  return [];
}
