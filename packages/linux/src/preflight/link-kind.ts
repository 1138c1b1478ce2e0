import type { Finding } from '@overlay/core';
import type { NetlinkError } from '../netlink/error.js';
import type { NetlinkPort } from '../netlink/port.js';
import { deleteLink, newLink } from '../netlink/rtnetlink/link.js';
import type { PreflightContext } from './context.js';

/**
 * No driver takes an MTU that is negative as the kernel sees it (dev_validate_mtu in net/core/dev.c, Linux 5.1), and it
 * is looked at only after the driver was found, and loaded if it is a module, and before anything is made.
 */
const IMPOSSIBLE_MTU = 0xffffffff;

/**
 * Looks whether the kernel can make devices of a kind (`vxlan`, `wireguard`, `ipip`), by asking it for one that cannot
 * be: a kernel that knows the kind complains about its attributes, one that does not about the kind. Nothing is made;
 * the driver's module is loaded, as it would be when the device is wanted.
 */
export async function checkLinkKind(
  context: PreflightContext,
  netlink: NetlinkPort,
  kind: string,
): Promise<readonly Finding[]> {
  const name = `ovprobe${process.pid % 1e7}`;
  const failures = await netlink.send([...newLink({ name, kind, mtu: IMPOSSIBLE_MTU })], { signal: context.signal });
  const refusal = failures.get(0);
  if (refusal === undefined) {
    await netlink.send([deleteLink(name)], { signal: context.signal }); // an older kernel that takes any MTU
    return [];
  }
  if (!isUnknownKind(refusal)) return [];
  return [
    {
      level: 'error',
      check: `kernel-${kind}`,
      message: `this kernel cannot make devices of type ${kind}`,
      remedy: `load its module, with: modprobe ${kind} (on Debian and Ubuntu part of the linux-image and linux-modules-extra packages), or choose another backend`,
    },
  ];
}

/** EOPNOTSUPP also comes for attributes that a driver does not know; the kernel's words tell them apart since 5.8. */
function isUnknownKind(refusal: NetlinkError): boolean {
  if (refusal.errnoName !== 'EOPNOTSUPP') return false;
  return refusal.kernelText === undefined || /unknown device type/i.test(refusal.kernelText);
}
