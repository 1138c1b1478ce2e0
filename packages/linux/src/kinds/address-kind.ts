import type { KernelEvents } from '../kernel/events.js';
import { MessageType } from '../netlink/protocol.js';
import { decodeAddress, deleteAddress, dumpAddresses, newAddress } from '../netlink/rtnetlink/address.js';
import { addressHash } from '../netlink/rtnetlink/match.js';
import type { Kind } from '../reconciler/kind.js';
import type { BatchContext } from './batch.js';
import { addressKey } from './keys.js';
import type { AddressObject } from './objects.js';
import { rtnetlinkKind } from './rtnetlink-kind.js';

/** Addresses on devices. */
export function addressKind(context: BatchContext, events: KernelEvents): Kind<AddressObject> {
  return rtnetlinkKind<AddressObject>(context, events, {
    name: 'address',
    rank: 2,
    key: addressKey,
    index: {
      hash: ({ address }) => addressHash(address),
      sameKey: (a, b) => a.address === b.address && a.link === b.link && a.prefixLength === b.prefixLength,
    },
    same: () => true,
    satisfies: () => true,
    types: { present: MessageType.newAddress, gone: MessageType.deleteAddress },
    read: (message) => {
      const found = decodeAddress(message);
      const link = found && context.links.byIndex(found.index)?.name;
      if (!found || link === undefined) return undefined;
      const { address, prefixLength } = found;
      return { object: { kind: 'address', link, address, prefixLength }, counts: true };
    },
    dumps: (index) => [dumpAddresses(index === undefined ? {} : { index })],
    // A tunnel's own address is no other host's: nothing to detect, and nobody to ask (RFC 4862, section 5.4).
    encodePut: ({ address, prefixLength }, index) =>
      newAddress({ index, address, prefixLength, noDad: true }, 'upsert'),
    encodeRemove: ({ address, prefixLength }, index) => deleteAddress({ index, address, prefixLength }),
  });
}
