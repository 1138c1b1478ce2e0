import type { Finding } from '@overlay/core';
import type { PreflightContext } from './context.js';
import { filesOf } from './context.js';

/** CAP_NET_ADMIN of linux/capability.h. */
const CAP_NET_ADMIN = 12n;

/** Looks whether this process may change the network: an effective CAP_NET_ADMIN. */
export async function checkPrivileges(context: PreflightContext): Promise<readonly Finding[]> {
  const status = await filesOf(context).read('/proc/self/status');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  if (effective === undefined || (BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) return [];
  return [
    {
      level: 'error',
      check: 'privileges',
      message: 'this process may not change the network: it lacks CAP_NET_ADMIN',
      remedy:
        'run it as root, or give it the capability (AmbientCapabilities= of systemd, capabilities.add of a container)',
    },
  ];
}
