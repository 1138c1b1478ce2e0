import type { Finding } from '@overlay/core';
import type { DefaultRoute } from '../host/snapshot.js';
import { ensure } from './ensure.js';
import type { Sysctl } from './sysctl.js';

/** RTPROT_RA of linux/rtnetlink.h: a route that the kernel learned from a router advertisement. */
const RTPROT_RA = 9;

export interface ForwardingOptions {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** The default routes of table main; only those of IPv6 matter. */
  readonly defaultRoutes: readonly DefaultRoute[];
  /** Names of interfaces by index; those of the default routes are needed. */
  readonly names: ReadonlyMap<number, string>;
}

/**
 * Makes the host forward packets between pods and the underlay.
 *
 * Switching IPv6 forwarding on makes the kernel drop the default routes that router advertisements gave, and take no
 * more of them, unless accept_ra of the interface is 2 (ndisc.c, rt6_purge_dflt_routers). So that comes first, for every
 * interface with such a route. Where accept_ra is 0 a program handles the advertisements (systemd-networkd,
 * NetworkManager) and forwarding does not disturb it: that stays.
 *
 * @returns what could not be done, or was left alone.
 */
export async function prepareForwarding(sysctl: Sysctl, options: ForwardingOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  if (options.ipv4) {
    const need = { level: 'error', otherwise: 'the host drops packets to and from its pods' } as const;
    findings.push(...(await ensure(sysctl, { key: 'net/ipv4/ip_forward', value: 1 }, need)));
  }
  if (options.ipv6) {
    const held = await keepRouterAdvertisements(sysctl, options);
    findings.push(...held);
    const need = { level: 'error', otherwise: 'the host drops IPv6 packets to and from its pods' } as const;
    // Losing the host's default route is worse than pods without IPv6.
    if (held.length === 0) {
      findings.push(...(await ensure(sysctl, { key: 'net/ipv6/conf/all/forwarding', value: 1 }, need)));
    }
  }
  return findings;
}

async function keepRouterAdvertisements(sysctl: Sysctl, options: ForwardingOptions): Promise<readonly Finding[]> {
  const indexes = options.defaultRoutes
    .filter(({ family, protocol }) => family === 'ipv6' && protocol === RTPROT_RA)
    .flatMap(({ nexthops }) => nexthops.map(({ index }) => index));
  const findings: Finding[] = [];
  for (const index of new Set(indexes)) {
    const name = options.names.get(index);
    if (name === undefined) continue; // gone meanwhile, and its routes with it
    const key = `net/ipv6/conf/${name}/accept_ra`;
    if ((await sysctl.readNumber(key)) !== 1) continue;
    const otherwise = `${name} loses its IPv6 default route when forwarding is on; IPv6 forwarding is not switched on`;
    findings.push(...(await ensure(sysctl, { key, value: 2 }, { level: 'error', otherwise })));
  }
  return findings;
}
