import type { Address, Family, Mac } from '@overlay/core';
import type { NetlinkMessage } from '../message.js';
import { HEADER_BYTES, readU16, readU32 } from '../message.js';
import type { Write } from '../protocol.js';
import { AddressFamily, MessageFlag, MessageType, writeFlags } from '../protocol.js';
import { AttributeReader, MessageWriter } from './attributes.js';
import type { MessageRoom } from './message-room.js';
import type { NeighbourState } from './neighbour-message.js';
import { NEIGHBOUR_FIXED, NeighbourAttribute, NeighbourFlag, stateName, stateNumber } from './neighbour-message.js';

/** An entry of the ARP or NDP table. Its key is device and address. */
export interface Neighbour {
  readonly family: Family;
  /** Index of the device. */
  readonly index: number;
  readonly address: Address;
  readonly mac?: Mac;
  readonly state: NeighbourState;
  /** `state` is `permanent`: never checked nor forgotten. */
  readonly permanent: boolean;
  /** Not a neighbour, but an address to answer for. */
  readonly proxy: boolean;
  readonly router: boolean;
  /** Kept by a control plane (NTF_EXT_LEARNED). */
  readonly externLearned: boolean;
}

/** Reads RTM_NEWNEIGH and RTM_DELNEIGH of IPv4 and IPv6; undefined for other families (see decodeFdb). */
export function decodeNeighbour({ buffer, start, end }: NetlinkMessage): Neighbour | undefined {
  const family = buffer[start];
  if (family !== AddressFamily.ipv4 && family !== AddressFamily.ipv6) return undefined;
  let address: Address | undefined;
  let mac: Mac | undefined;
  const reader = new AttributeReader(buffer, start + NEIGHBOUR_FIXED, end);
  while (reader.next()) {
    if (reader.type === NeighbourAttribute.destination) address = reader.address();
    else if (reader.type === NeighbourAttribute.linkLayerAddress) mac = reader.mac();
  }
  if (address === undefined) return undefined;
  const state = stateName(readU16(buffer, start + 8));
  const flags = buffer[start + 10];
  return {
    family: family === AddressFamily.ipv4 ? 'ipv4' : 'ipv6',
    index: readU32(buffer, start + 4),
    address,
    mac,
    state,
    permanent: state === 'permanent',
    proxy: (flags & NeighbourFlag.proxy) !== 0,
    router: (flags & NeighbourFlag.router) !== 0,
    externLearned: (flags & NeighbourFlag.externLearned) !== 0,
  };
}

export type NeighbourKey = Pick<Neighbour, 'index' | 'address'>;

/** A neighbour to be made. */
export interface NeighbourSpec extends NeighbourKey {
  readonly mac: Mac;
  /** Default: permanent. */
  readonly state?: NeighbourState;
}

export function newNeighbour(spec: NeighbourSpec, write: Write, room?: MessageRoom): Uint8Array {
  const writer = begin(MessageType.newNeighbour, writeFlags(write), spec, room);
  writer.setU16(HEADER_BYTES + 8, stateNumber(spec.state ?? 'permanent'));
  writer.setU8(HEADER_BYTES + 11, 1); // RTN_UNICAST, as ip(8) and flanneld send it
  writer.mac(NeighbourAttribute.linkLayerAddress, spec.mac);
  return writer.finish();
}

/** Removes a neighbour; ENOENT if it is not there. */
export function deleteNeighbour(key: NeighbourKey, room?: MessageRoom): Uint8Array {
  return begin(MessageType.deleteNeighbour, 0, key, room).finish();
}

/** Asks for one neighbour; ENOENT if it is not there. For {@link NetlinkPort.query}. */
export function getNeighbour(key: NeighbourKey): Uint8Array {
  return begin(MessageType.getNeighbour, 0, key).finish();
}

export interface NeighbourFilter {
  /** Without one, both families come. */
  readonly family?: Family;
  readonly index?: number;
}

/** Asks for all neighbours. The kernel applies the filter. */
export function dumpNeighbours(filter: NeighbourFilter = {}): Uint8Array {
  const writer = new MessageWriter(MessageType.getNeighbour, MessageFlag.dump, NEIGHBOUR_FIXED, 40);
  if (filter.family !== undefined) writer.setU8(HEADER_BYTES, AddressFamily[filter.family]);
  if (filter.index !== undefined) writer.u32(NeighbourAttribute.index, filter.index);
  return writer.finish();
}

function begin(type: number, flags: number, { index, address }: NeighbourKey, room?: MessageRoom): MessageWriter {
  const writer = new MessageWriter(type, flags, NEIGHBOUR_FIXED, 80, room);
  writer.setU8(HEADER_BYTES, address.includes(':') ? AddressFamily.ipv6 : AddressFamily.ipv4);
  writer.setU32(HEADER_BYTES + 4, index);
  writer.address(NeighbourAttribute.destination, address);
  return writer;
}

/**
 * Has the kernel find out now where a neighbour is, as if a packet were waiting for it (NTF_USE). The answer comes as a
 * change of the entry's state.
 */
export function probeNeighbour(key: NeighbourKey): Uint8Array {
  const writer = begin(MessageType.newNeighbour, MessageFlag.create, key);
  writer.setU8(HEADER_BYTES + 10, NeighbourFlag.use);
  return writer.finish();
}
