import type { Address, Family, PerFamily } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { Attempt } from './host-on.js';
import { hostOn, missed, wantsFamily } from './host-on.js';
import type { InterfaceRegex, InterfaceSelection } from './options.js';
import type { HostLink, HostSnapshot } from './snapshot.js';
import { isOverlayDevice, usableAddresses } from './usable-address.js';

/** How much of what is needed has to match: an address in every family, the name, or one address. */
const WAYS = ['every family', 'name', 'one family'] as const;

/**
 * The first interface that an expression matches. As with flanneld, an interface matches by its addresses when there is
 * a matching one in every family that is needed, and names are tried after all addresses. Where flanneld finds nothing,
 * or puts addresses of two interfaces together, an interface with a match in one family and any address in the other is
 * taken at last. A matching address is the one that is used.
 */
export function byRegex(snapshot: HostSnapshot, selection: InterfaceSelection, regex: InterfaceRegex): Attempt {
  const asked = `--iface-regex ${regex.text}`;
  const candidates = snapshot.links.filter((link) => !isOverlayDevice(link));
  let firstMiss: string | undefined;
  for (const way of WAYS) {
    for (const link of candidates) {
      const pinned = matches(snapshot, selection, regex, link, way);
      if (pinned === undefined) continue;
      const attempt = hostOn(snapshot, selection, link, pinned);
      if (attempt.host !== undefined) return attempt;
      firstMiss ??= attempt.miss;
    }
  }
  return missed(
    `${asked}: ${firstMiss === undefined ? 'no address and no name matches' : `matches, but ${firstMiss}`}`,
  );
}

/** The matching addresses of an interface, or undefined when it does not match in this way. */
function matches(
  snapshot: HostSnapshot,
  selection: InterfaceSelection,
  { expression }: InterfaceRegex,
  link: HostLink,
  way: (typeof WAYS)[number],
): PerFamily<Address> | undefined {
  if (way === 'name') return expression.test(link.name) ? {} : undefined;
  const pinned: { -readonly [F in Family]?: Address } = {};
  let found = 0;
  for (const family of FAMILIES) {
    if (!wantsFamily(selection, family)) continue;
    const usable = usableAddresses(snapshot, link, family, selection.overlayNetworks);
    const match = usable.find(({ address }) => expression.test(address))?.address;
    if (match === undefined) continue;
    pinned[family] = match;
    found++;
  }
  const needed = way === 'every family' ? (selection.families?.length ?? 1) : 1;
  return found >= needed ? pinned : undefined;
}
