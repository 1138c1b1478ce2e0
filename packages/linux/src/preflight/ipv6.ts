import type { Finding } from '@overlay/core';
import { sysctlCommand } from '../sysctl/sysctl.js';
import type { PreflightContext } from './context.js';
import { sysctlOf } from './context.js';

/**
 * Looks whether IPv6 is there and switched on. For networks that use it only.
 *
 * @param interfaceName the interface that carries the overlay, when it is known.
 */
export async function checkIpv6(context: PreflightContext, interfaceName?: string): Promise<readonly Finding[]> {
  const sysctl = sysctlOf(context);
  if ((await sysctl.read('net/ipv6/conf/all/disable_ipv6')) === undefined) {
    return [
      {
        level: 'error',
        check: 'ipv6',
        message: 'the network uses IPv6, but this kernel runs without it',
        remedy: 'boot without ipv6.disable=1, on a kernel with IPv6; or leave IPv6 out of net-conf.json',
      },
    ];
  }
  // New devices take conf/default, existing ones keep their own; conf/all is written through to both.
  const places = ['default', ...(interfaceName === undefined ? [] : [interfaceName])];
  const findings: Finding[] = [];
  for (const place of places) {
    const key = `net/ipv6/conf/${place}/disable_ipv6`;
    if ((await sysctl.readNumber(key)) !== 1) continue;
    findings.push({
      level: 'error',
      check: 'ipv6',
      message: `the network uses IPv6, but it is switched off on ${place === 'default' ? 'new devices' : place} (${key})`,
      remedy: `run: ${sysctlCommand(key, 0)}`,
    });
  }
  return findings;
}
