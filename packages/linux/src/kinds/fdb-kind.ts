import type { KernelEvents } from '../kernel/events.js';
import { MessageType } from '../netlink/protocol.js';
import { decodeFdb, deleteFdb, dumpFdb, newFdb } from '../netlink/rtnetlink/fdb.js';
import { macHash } from '../netlink/rtnetlink/match.js';
import type { Kind } from '../reconciler/kind.js';
import type { NetlinkMessage } from '../netlink/message.js';
import type { BatchContext } from './batch.js';
import { fdbKey } from './keys.js';
import type { FdbObject } from './objects.js';
import { FdbSighting } from './fdb-sighting.js';
import { rtnetlinkKind } from './rtnetlink-kind.js';
import type { Told } from './rtnetlink-kind.js';

/** Where a group's frames go; may have many destinations, and is none of ours. */
const ALL_ZERO = '00:00:00:00:00:00';

/** Permanent forwarding entries of VXLAN devices: behind which host a VTEP MAC is. */
export function fdbKind(context: BatchContext, events: KernelEvents): Kind<FdbObject> {
  const linkName = (index: number): string | undefined => context.links.byIndex(index)?.name;
  const read = (message: NetlinkMessage): Told<FdbObject> | undefined => {
    const found = decodeFdb(message);
    // One without a destination belongs to a bridge.
    if (!found?.self || found.destination === undefined || found.mac === ALL_ZERO) return undefined;
    const link = linkName(found.index);
    if (link === undefined) return undefined;
    return { object: { kind: 'fdb', link, mac: found.mac, dst: found.destination }, counts: found.permanent };
  };
  return rtnetlinkKind<FdbObject>(context, events, {
    name: 'fdb',
    rank: 4,
    // drivers/net/vxlan reports every change with port id 0, also ours.
    echoes: true,
    key: fdbKey,
    index: { hash: ({ mac }) => macHash(mac), sameKey: (a, b) => a.mac === b.mac && a.link === b.link },
    same: (a, b) => a.dst === b.dst,
    satisfies: (actual, wanted) => actual.dst === wanted.dst,
    types: { present: MessageType.newNeighbour, gone: MessageType.deleteNeighbour },
    read,
    sighting: () => new FdbSighting(linkName, read),
    dumps: (index) => [dumpFdb(index === undefined ? {} : { index })],
    encodePut: ({ mac, dst }, index, room) => newFdb({ index, mac, destination: dst }, 'upsert', room),
    encodeRemove: ({ mac, dst }, index, room) => deleteFdb({ index, mac, destination: dst }, room),
  });
}
