import type { Address, Family, Host, HostAddress, PerFamily } from '@overlay/core';
import { addressFamily, FAMILIES } from '@overlay/core';
import { familyName } from './describe.js';
import type { InterfaceSelection } from './options.js';
import type { HostLink, HostSnapshot } from './snapshot.js';
import { addressObstacle, isHostAddress, usableAddresses } from './usable-address.js';

/** The host on one interface, or why that interface will not do. */
export type Attempt =
  { readonly host: Host; readonly miss?: undefined } | { readonly miss: string; readonly host?: undefined };

/** The attempt that failed for a reason. */
export function missed(miss: string): Attempt {
  return { miss };
}

/** True if the overlay needs, or would use, an address of this family. */
export function wantsFamily(selection: InterfaceSelection, family: Family): boolean {
  return selection.families?.includes(family) ?? true;
}

/**
 * The host with this interface.
 *
 * @param pinned addresses that the choice has already settled; the best one is taken where there is none.
 */
export function hostOn(
  snapshot: HostSnapshot,
  selection: InterfaceSelection,
  link: HostLink,
  pinned: PerFamily<Address> = {},
): Attempt {
  if (!link.up) return missed(`${link.name} is down`);
  if (link.mtu <= 0) return missed(`${link.name} has an MTU of ${link.mtu}`);
  const chosen: { -readonly [F in Family]?: HostAddress } = {};
  for (const family of FAMILIES) {
    if (!wantsFamily(selection, family)) continue;
    const address = pinned[family] ?? bestAddress(snapshot, selection, link, family);
    if (address !== undefined) chosen[family] = { address, publicIP: selection.publicIP[family] ?? address };
    else if (selection.families !== undefined) return missed(noAddress(snapshot, link, family));
  }
  if (chosen.ipv4 === undefined && chosen.ipv6 === undefined) return missed(`${link.name} has no address`);
  return {
    host: {
      interface: {
        name: link.name,
        index: link.index,
        mtu: link.mtu,
        broadcast: link.broadcast && !link.pointToPoint,
        running: link.lowerUp,
      },
      ...chosen,
    },
  };
}

/** An address that was named in an option and lies on this interface comes before the best one. */
function bestAddress(
  snapshot: HostSnapshot,
  selection: InterfaceSelection,
  link: HostLink,
  family: Family,
): Address | undefined {
  const named = selection.iface.flatMap(({ address }) =>
    address !== undefined && addressFamily(address) === family ? [address] : [],
  );
  const publicIP = selection.publicIP[family];
  if (publicIP !== undefined) named.push(publicIP);
  const any = usableAddresses(snapshot, link, family, []).map(({ address }) => address);
  return (
    named.find((address) => any.includes(address)) ??
    usableAddresses(snapshot, link, family, selection.overlayNetworks)[0]?.address
  );
}

function noAddress(snapshot: HostSnapshot, link: HostLink, family: Family): string {
  const obstacles = snapshot.addresses.flatMap((candidate) => {
    if (candidate.index !== link.index || candidate.family !== family || !isHostAddress(candidate)) return [];
    return [`${candidate.address}: ${addressObstacle(candidate) ?? "it is in the overlay's own network"}`];
  });
  const why = obstacles.length === 0 ? '' : ` that can be used (${obstacles.join(', ')})`;
  return `${link.name} has no ${familyName(family)} address${why}`;
}
