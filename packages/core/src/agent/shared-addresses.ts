import type { LeaseTable } from '../lease-table/index.js';
import { quoted } from '../quoted.js';

/** The most that are told of one by one, and the most hosts that are named of each. */
const TOLD = 10;

/**
 * Public IPs that several peers publish, in a line each by address. Nothing is held for that, but most often it is an
 * interface with the same address on every machine (10.0.2.15 of Vagrant), and then all but one are not reached.
 */
export function sharedAddressTexts(table: LeaseTable): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { address, keys } of table.sharedAddresses()) {
    if (texts.size === TOLD) break;
    const more = keys.length > TOLD ? ` and ${keys.length - TOLD} more` : '';
    texts.set(
      address,
      `leases ${keys.slice(0, TOLD).map(quoted).join(', ')}${more} publish one address, ${address}: what is sent there reaches ` +
        "one host; have each publish its own (overlayd: --iface or --public-ip), or remove the lease that is nobody's any more",
    );
  }
  return texts;
}
