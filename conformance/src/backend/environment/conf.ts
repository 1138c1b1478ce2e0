import type { Family, JsonObject, NetConf } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import { FIRST_UNUSED } from './shared-store.js';

/** The families of an overlay. */
export type FamilyChoice = Family | 'dual';

/** An overlay's network in each family, less its host part: `10.244` and `fd44:0:0`. */
export type NetworkStart = Readonly<Record<Family, string>>;

/** The overlay's networks in all tests. */
const NETWORK: NetworkStart = { ipv4: '10.244', ipv6: 'fd44:0:0' };

/** The configuration that tests run with. */
export function confOf(
  type: string,
  options: JsonObject,
  family: FamilyChoice,
  network: NetworkStart = NETWORK,
): NetConf {
  const last = FIRST_UNUSED - 1;
  const ipv4 =
    family === 'ipv6'
      ? { EnableIPv4: false }
      : { Network: `${network.ipv4}.0.0/16`, SubnetMax: `${network.ipv4}.${last}.0` };
  const ipv6 =
    family === 'ipv4'
      ? {}
      : {
          EnableIPv6: true,
          IPv6Network: `${network.ipv6}::/48`,
          IPv6SubnetMax: `${network.ipv6}:${last.toString(16)}::`,
        };
  return parseNetConf(JSON.stringify({ ...ipv4, ...ipv6, Backend: { ...options, Type: type } }));
}
