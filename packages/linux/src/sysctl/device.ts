import type { Finding } from '@overlay/core';
import { errorText } from '@overlay/core';
import { ensure } from './ensure.js';
import type { Sysctl } from './sysctl.js';
import { sysctlCommand } from './sysctl.js';

/** Values of rp_filter (RFC 3704): 1 drops what would be answered by another interface, 2 only what has no route. */
const STRICT = 1;
const LOOSE = 2;

/**
 * Sets up a device of the overlay, once it exists:
 *
 * - `accept_ra` 0: a pod or a peer must not give this host a default route through the tunnel.
 * - `rp_filter` not strict: a peer's packet may come through the tunnel from an address that is answered by another way
 *   (the peer's own, or a peer that is reached directly meanwhile). The kernel uses the greater of `conf/all` and the
 *   device's, so 0 on the device would not help against a strict `all`; 2 does, and `all` need not be touched.
 * - `forwarding` 1 for IPv4, which a device inherits from `conf/default` when it is made; IPv6 decides by `conf/all`.
 *
 * @returns what could not be done, or was left alone. It never rejects.
 */
export async function prepareDevice(sysctl: Sysctl, device: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  findings.push(
    ...(await ensure(
      sysctl,
      { key: `net/ipv6/conf/${device}/accept_ra`, value: 0, exactly: true },
      { level: 'warning', otherwise: `router advertisements from peers can change this host's routes` },
    )),
  );
  findings.push(...(await prepareReversePath(sysctl, device)));
  findings.push(
    ...(await ensure(
      sysctl,
      { key: `net/ipv4/conf/${device}/forwarding`, value: 1 },
      { level: 'error', otherwise: `packets that come through ${device} reach no pod` },
    )),
  );
  return findings;
}

async function prepareReversePath(sysctl: Sysctl, device: string): Promise<readonly Finding[]> {
  const key = `net/ipv4/conf/${device}/rp_filter`;
  const otherwise = `packets that come through ${device} but are answered by another way are dropped`;
  try {
    if ((await effectiveRpFilter(sysctl, device)) !== STRICT) return [];
  } catch (error) {
    const remedy = `run: ${sysctlCommand(key, LOOSE)}`;
    return [{ level: 'warning', check: 'sysctl', message: `${errorText(error)}; if it is 1, ${otherwise}`, remedy }];
  }
  return ensure(sysctl, { key, value: LOOSE }, { level: 'warning', otherwise });
}

/** What the kernel does for packets that come in by a device: the greater of `conf/all` and `conf/<device>`. */
export async function effectiveRpFilter(sysctl: Sysctl, device: string): Promise<number> {
  const [all, own] = await Promise.all([
    sysctl.readNumber('net/ipv4/conf/all/rp_filter'),
    sysctl.readNumber(`net/ipv4/conf/${device}/rp_filter`),
  ]);
  return Math.max(all ?? 0, own ?? 0);
}
