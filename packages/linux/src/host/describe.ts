import type { Family } from '@overlay/core';
import type { HostLink, HostSnapshot } from './snapshot.js';
import { addressObstacle, isHostAddress } from './usable-address.js';

/** A host with many pods has an interface for each; the first ones tell enough. */
const MOST_SHOWN = 12;

/** `IPv4` or `IPv6`, for people. */
export function familyName(family: Family): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6';
}

/** The interfaces that could be meant, with their addresses: `eth0 (10.0.0.2, fd00::2), eth1 (down)`. */
export function describeInterfaces(snapshot: HostSnapshot): string {
  // Those with addresses first: they are what somebody who mistyped a name is looking for.
  const all = [...snapshot.links].sort((a, b) => Number(hasAddress(snapshot, b)) - Number(hasAddress(snapshot, a)));
  if (all.length === 0) return 'none';
  const shown = all.slice(0, MOST_SHOWN).map((link) => describeInterface(snapshot, link));
  return all.length > shown.length ? `${shown.join(', ')} and ${all.length - shown.length} more` : shown.join(', ');
}

function describeInterface(snapshot: HostSnapshot, link: HostLink): string {
  const details = snapshot.addresses
    .filter((address) => address.index === link.index && isHostAddress(address))
    .map((address) => {
      const obstacle = addressObstacle(address);
      return obstacle === undefined ? address.address : `${address.address}: ${obstacle}`;
    });
  if (!link.up) details.unshift('down');
  return details.length === 0 ? link.name : `${link.name} (${details.join(', ')})`;
}

function hasAddress(snapshot: HostSnapshot, link: HostLink): boolean {
  return snapshot.addresses.some((address) => address.index === link.index && isHostAddress(address));
}
