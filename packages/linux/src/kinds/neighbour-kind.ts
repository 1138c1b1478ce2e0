import type { KernelEvents } from '../kernel/events.js';
import { MessageType } from '../netlink/protocol.js';
import { decodeNeighbour, deleteNeighbour, dumpNeighbours, newNeighbour } from '../netlink/rtnetlink/neighbour.js';
import { addressHash } from '../netlink/rtnetlink/match.js';
import type { Kind } from '../reconciler/kind.js';
import type { NetlinkMessage } from '../netlink/message.js';
import type { BatchContext } from './batch.js';
import { neighbourKey } from './keys.js';
import type { NeighbourObject } from './objects.js';
import { NeighbourSighting } from './neighbour-sighting.js';
import { rtnetlinkKind } from './rtnetlink-kind.js';
import type { Told } from './rtnetlink-kind.js';

/** Stands in the object for the MAC of a neighbour that the kernel does not know. */
const NO_MAC = '00:00:00:00:00:00' as NeighbourObject['mac'];

/**
 * Permanent neighbours. Entries in other states are the kernel's own business: one that it has learnt in place of ours
 * means that ours is gone, and one that nobody wants is not seen at all.
 */
export function neighbourKind(context: BatchContext, events: KernelEvents): Kind<NeighbourObject> {
  const linkName = (index: number): string | undefined => context.links.byIndex(index)?.name;
  const read = (message: NetlinkMessage): Told<NeighbourObject> | undefined => {
    const found = decodeNeighbour(message);
    const link = found && linkName(found.index);
    if (!found || found.proxy || link === undefined) return undefined;
    const { address, mac = NO_MAC, permanent } = found;
    return { object: { kind: 'neighbour', link, address, mac }, counts: permanent && mac !== NO_MAC };
  };
  return rtnetlinkKind<NeighbourObject>(context, events, {
    name: 'neighbour',
    rank: 3,
    key: neighbourKey,
    index: {
      hash: ({ address }) => addressHash(address),
      sameKey: (a, b) => a.address === b.address && a.link === b.link,
    },
    same: (a, b) => a.mac === b.mac,
    satisfies: (actual, wanted) => actual.mac === wanted.mac,
    types: { present: MessageType.newNeighbour, gone: MessageType.deleteNeighbour },
    read,
    sighting: () => new NeighbourSighting(linkName, read),
    dumps: (index) => [dumpNeighbours(index === undefined ? {} : { index })],
    encodePut: ({ address, mac }, index, room) => newNeighbour({ index, address, mac }, 'upsert', room),
    encodeRemove: ({ address }, index, room) => deleteNeighbour({ index, address }, room),
  });
}
