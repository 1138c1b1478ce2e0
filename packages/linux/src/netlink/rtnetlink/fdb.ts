import type { Address, Mac } from '@overlay/core';
import type { NetlinkMessage } from '../message.js';
import { HEADER_BYTES, readU16, readU32 } from '../message.js';
import type { Write } from '../protocol.js';
import { AddressFamily, MessageFlag, MessageType, writeFlags } from '../protocol.js';
import { AttributeReader, MessageWriter } from './attributes.js';
import type { MessageRoom } from './message-room.js';
import type { NeighbourState } from './neighbour-message.js';
import { NEIGHBOUR_FIXED, NeighbourAttribute, NeighbourFlag, stateName, stateNumber } from './neighbour-message.js';

/** An entry of a forwarding database: of a VXLAN device (`self`), or of a bridge for one of its ports (`master`). */
export interface FdbEntry {
  /** Index of the device. */
  readonly index: number;
  readonly mac: Mac;
  /** VXLAN: where frames to this MAC are sent. */
  readonly destination?: Address;
  /** VXLAN: UDP port, when it is not the device's own. */
  readonly port?: number;
  /** VXLAN: network identifier, when it is not the device's own. */
  readonly vni?: number;
  /** VXLAN: the device to send by, when it is not the device's own. */
  readonly outIndex?: number;
  readonly vlan?: number;
  readonly masterIndex?: number;
  readonly state: NeighbourState;
  readonly permanent: boolean;
  /** In the device's own table. */
  readonly self: boolean;
  /** In its bridge's table. */
  readonly master: boolean;
  readonly externLearned: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads RTM_NEWNEIGH and RTM_DELNEIGH of the family bridge; undefined for others (see decodeNeighbour). */
export function decodeFdb({ buffer, start, end }: NetlinkMessage): FdbEntry | undefined {
  if (buffer[start] !== AddressFamily.bridge) return undefined;
  const state = stateName(readU16(buffer, start + 8));
  const flags = buffer[start + 10];
  const entry: Mutable<FdbEntry> = {
    index: readU32(buffer, start + 4),
    mac: '' as Mac,
    destination: undefined,
    port: undefined,
    vni: undefined,
    outIndex: undefined,
    vlan: undefined,
    masterIndex: undefined,
    state,
    permanent: state === 'permanent',
    self: (flags & NeighbourFlag.self) !== 0,
    master: (flags & NeighbourFlag.master) !== 0,
    externLearned: (flags & NeighbourFlag.externLearned) !== 0,
  };
  const reader = new AttributeReader(buffer, start + NEIGHBOUR_FIXED, end);
  while (reader.next()) {
    switch (reader.type) {
      case NeighbourAttribute.destination:
        entry.destination = reader.address();
        break;
      case NeighbourAttribute.linkLayerAddress:
        entry.mac = reader.mac() ?? entry.mac;
        break;
      case NeighbourAttribute.vlan:
        entry.vlan = reader.u16();
        break;
      case NeighbourAttribute.port:
        entry.port = reader.u16Network();
        break;
      case NeighbourAttribute.vni:
        entry.vni = reader.u32();
        break;
      case NeighbourAttribute.index:
        entry.outIndex = reader.u32();
        break;
      case NeighbourAttribute.master:
        entry.masterIndex = reader.u32();
        break;
    }
  }
  return entry.mac === '' ? undefined : entry;
}

/** An entry of a VXLAN device's own table. The kernel's key is device and MAC; the all-zero MAC may have many. */
export interface FdbKey {
  readonly index: number;
  readonly mac: Mac;
  /** Needed to tell apart several destinations of one MAC. */
  readonly destination?: Address;
  readonly port?: number;
  readonly vni?: number;
}

/** An entry to be made. */
export interface FdbSpec extends FdbKey {
  /** Default: permanent. */
  readonly state?: NeighbourState;
}

/** Adds or changes an entry. `append` adds a destination to those of an all-zero or group MAC. */
export function newFdb(spec: FdbSpec, write: Write, room?: MessageRoom): Uint8Array {
  const writer = begin(MessageType.newNeighbour, writeFlags(write), spec, room);
  writer.setU16(HEADER_BYTES + 8, stateNumber(spec.state ?? 'permanent'));
  writeDestination(writer, spec);
  return writer.finish();
}

/** Removes an entry; ENOENT if it is not there. With `destination`, that one of several. */
export function deleteFdb(key: FdbKey, room?: MessageRoom): Uint8Array {
  const writer = begin(MessageType.deleteNeighbour, 0, key, room);
  writeDestination(writer, key);
  return writer.finish();
}

/** Asks for one entry; ENOENT if it is not there. For {@link NetlinkPort.query}. */
export function getFdb(key: Pick<FdbKey, 'index' | 'mac'>): Uint8Array {
  return begin(MessageType.getNeighbour, 0, key).finish();
}

export interface FdbFilter {
  /** Only entries of this device. */
  readonly index?: number;
}

/** Asks for all entries of all tables. The kernel applies the filter. */
export function dumpFdb(filter: FdbFilter = {}): Uint8Array {
  const writer = new MessageWriter(MessageType.getNeighbour, MessageFlag.dump, NEIGHBOUR_FIXED, 40);
  writer.setU8(HEADER_BYTES, AddressFamily.bridge);
  if (filter.index !== undefined) writer.u32(NeighbourAttribute.index, filter.index);
  return writer.finish();
}

function begin(
  type: number,
  flags: number,
  { index, mac }: Pick<FdbKey, 'index' | 'mac'>,
  room?: MessageRoom,
): MessageWriter {
  const writer = new MessageWriter(type, flags, NEIGHBOUR_FIXED, 80, room);
  writer.setU8(HEADER_BYTES, AddressFamily.bridge);
  writer.setU32(HEADER_BYTES + 4, index);
  writer.setU8(HEADER_BYTES + 10, NeighbourFlag.self);
  writer.mac(NeighbourAttribute.linkLayerAddress, mac);
  return writer;
}

function writeDestination(writer: MessageWriter, { destination, port, vni }: FdbKey): void {
  if (destination !== undefined) writer.address(NeighbourAttribute.destination, destination);
  if (port !== undefined) writer.u16Network(NeighbourAttribute.port, port);
  if (vni !== undefined) writer.u32(NeighbourAttribute.vni, vni);
}
