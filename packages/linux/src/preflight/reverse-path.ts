import type { Finding } from '@overlay/core';
import { effectiveRpFilter } from '../sysctl/device.js';
import { sysctlCommand } from '../sysctl/sysctl.js';
import type { PreflightContext } from './context.js';
import { sysctlOf } from './context.js';

/**
 * Looks whether the underlay's interface checks the reverse path strictly (rp_filter 1, RFC 3704). Packets of peers'
 * pods that come without encapsulation (host-gw, DirectRouting) are dropped then, whenever the answer would leave by
 * another interface; IPv4 only.
 */
export async function checkReversePath(context: PreflightContext, interfaceName: string): Promise<readonly Finding[]> {
  if ((await effectiveRpFilter(sysctlOf(context), interfaceName)) !== 1) return [];
  const key = `net/ipv4/conf/${interfaceName}/rp_filter`;
  return [
    {
      level: 'warning',
      check: 'reverse-path',
      message: `${interfaceName} drops packets whose answer would leave by another interface (strict rp_filter)`,
      remedy: `if hosts have more than one way to each other, run: ${sysctlCommand(key, 2)}`,
    },
  ];
}
