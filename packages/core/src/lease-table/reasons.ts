import type { Family } from '../address/index.js';
import { quoted } from '../quoted.js';
import type { Occupancy } from './occupancy.js';
import type { Conflict, Peer } from './peer.js';
import type { HeldLease } from './types.js';

/** Why a peer is held, in words; undefined when it is not. */
export function heldLease(peer: Peer, occupancy: Occupancy): HeldLease | undefined {
  const { hold, key } = peer;
  if (!hold) return undefined;
  const reasons: { ipv4?: string; ipv6?: string } = {};
  if (hold.ipv4 !== undefined) reasons.ipv4 = inWords(hold.ipv4, peer, 'ipv4', occupancy);
  if (hold.ipv6 !== undefined) reasons.ipv6 = inWords(hold.ipv6, peer, 'ipv6', occupancy);
  return hold.problem === undefined ? { key, reasons } : { key, reasons, problem: hold.problem };
}

function inWords(reason: string | Conflict, peer: Peer, family: Family, occupancy: Occupancy): string {
  if (typeof reason === 'string') return reason;
  const { rule, id } = reason;
  const holder = occupancy.ownerOf(reason);
  // A version that is refused while its removal is doubted is not judged again before that is decided.
  const owner = holder === undefined ? 'a lease that has let it go since' : `lease ${quoted(holder.key)}`;
  const subnet = `subnet ${peer.lease?.subnets[family]}`;
  switch (rule) {
    case 'overlap':
      return `${subnet} overlaps ${id} of ${owner}`;
    case 'contains-address':
      return `${subnet} contains the public IP ${id} of ${owner}`;
    case 'inside-subnet':
      return `public IP ${peer.lease?.attributes[family]?.publicIP} is inside the subnet ${id} of ${owner}`;
    case 'claim':
      return `claims ${quoted(id)}, taken by ${owner}`;
  }
}
