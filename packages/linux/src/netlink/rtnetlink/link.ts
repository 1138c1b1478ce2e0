import type { Mac } from '@overlay/core';
import type { NetlinkMessage } from '../message.js';
import { HEADER_BYTES, readU16, readU32 } from '../message.js';
import { AddressFamily, MessageFlag, MessageType } from '../protocol.js';
import { AttributeReader, MessageWriter } from './attributes.js';
import type { Vxlan, VxlanSpec } from './vxlan.js';
import { decodeVxlan, encodeVxlan } from './vxlan.js';

/** Bytes of struct ifinfomsg (linux/rtnetlink.h). */
const FIXED = 16;

/** IFLA_* of linux/if_link.h. */
const Attribute = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  operState: 16,
  linkInfo: 18,
  alias: 20,
  afSpec: 26,
  netnsFd: 28,
  extMask: 29,
  linkNetnsId: 37,
  targetNetnsId: 46,
} as const;
const INFO_KIND = 1;
const INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const MACVLAN_MODE = 1;
const INET6_ADDR_GEN_MODE = 8;
/** Leave statistics out (RTEXT_FILTER_SKIP_STATS): they are most of a dump's bytes. */
const SKIP_STATS = 1 << 3;

/** IFF_* of linux/if.h. */
const Flag = { up: 0x1, broadcast: 0x2, loopback: 0x8, pointToPoint: 0x10, noArp: 0x80, lowerUp: 0x10000 } as const;

/** RFC 2863 operational states, as linux/if.h names them. */
export type OperState = 'unknown' | 'notpresent' | 'down' | 'lowerlayerdown' | 'testing' | 'dormant' | 'up';
const OPER_STATES: readonly OperState[] = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
];

/** How IPv6 link-local addresses are made (IN6_ADDR_GEN_MODE_*). */
export type AddrGenMode = 'eui64' | 'none' | 'stable_secret' | 'random';
const ADDR_GEN_MODES: readonly AddrGenMode[] = ['eui64', 'none', 'stable_secret', 'random'];

/** Whom a macvlan device may speak to beside what is behind its interface (MACVLAN_MODE_*). */
export type MacvlanMode = 'private' | 'vepa' | 'bridge';
const MACVLAN_MODES: Readonly<Record<MacvlanMode, number>> = { private: 1, vepa: 2, bridge: 4 };

/** A network device. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** The driver's name: `vxlan`, `veth`, `bridge`, ...; absent for hardware and loopback. */
  readonly kind?: string;
  /** Administratively up. */
  readonly up: boolean;
  /** Carrier: the layer below is up. */
  readonly lowerUp: boolean;
  readonly operState: OperState;
  readonly broadcast: boolean;
  readonly pointToPoint: boolean;
  readonly loopback: boolean;
  readonly noArp: boolean;
  /** ARPHRD_* of linux/if_arp.h: 1 Ethernet, 772 loopback, 65534 none. */
  readonly hardwareType: number;
  readonly mtu: number;
  /** Absent for devices without an Ethernet address. */
  readonly mac?: Mac;
  readonly alias?: string;
  /** The bridge or bond it belongs to. */
  readonly masterIndex?: number;
  /** The device below, or a veth's other end (IFLA_LINK). With `lowerNetnsId` it is an index of that namespace. */
  readonly lowerIndex?: number;
  readonly lowerNetnsId?: number;
  readonly addrGenMode?: AddrGenMode;
  /** Present when `kind` is `vxlan`. */
  readonly vxlan?: Vxlan;
  /** Present when `kind` is `macvlan` and the mode is one of these. */
  readonly macvlanMode?: MacvlanMode;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads RTM_NEWLINK and RTM_DELLINK. */
export function decodeLink({ buffer, start, end }: NetlinkMessage): Link {
  const flags = readU32(buffer, start + 8);
  const link: Mutable<Link> = {
    index: readU32(buffer, start + 4),
    name: '',
    kind: undefined,
    up: (flags & Flag.up) !== 0,
    lowerUp: (flags & Flag.lowerUp) !== 0,
    operState: 'unknown',
    broadcast: (flags & Flag.broadcast) !== 0,
    pointToPoint: (flags & Flag.pointToPoint) !== 0,
    loopback: (flags & Flag.loopback) !== 0,
    noArp: (flags & Flag.noArp) !== 0,
    hardwareType: readU16(buffer, start + 2),
    mtu: 0,
    mac: undefined,
    alias: undefined,
    masterIndex: undefined,
    lowerIndex: undefined,
    lowerNetnsId: undefined,
    addrGenMode: undefined,
    vxlan: undefined,
    macvlanMode: undefined,
  };
  const reader = new AttributeReader(buffer, start + FIXED, end);
  while (reader.next()) decodeAttribute(reader, link);
  return link;
}

/** The family of a link message. Bridge ports are also told of in the family bridge, with other attributes. */
export function linkMessageFamily({ buffer, start }: NetlinkMessage): number {
  return buffer[start];
}

function decodeAttribute(reader: AttributeReader, link: Mutable<Link>): void {
  switch (reader.type) {
    case Attribute.address:
      link.mac = reader.mac();
      break;
    case Attribute.name:
      link.name = reader.text();
      break;
    case Attribute.mtu:
      link.mtu = reader.u32();
      break;
    case Attribute.link:
      if (reader.u32() !== 0) link.lowerIndex = reader.u32();
      break;
    case Attribute.master:
      link.masterIndex = reader.u32();
      break;
    case Attribute.operState:
      link.operState = OPER_STATES[reader.u8()] ?? 'unknown';
      break;
    case Attribute.alias:
      link.alias = reader.text();
      break;
    case Attribute.linkNetnsId:
      link.lowerNetnsId = reader.u32();
      break;
    case Attribute.linkInfo:
      decodeInfo(reader.nested(), link);
      break;
    case Attribute.afSpec:
      decodeFamilies(reader.nested(), link);
      break;
  }
}

function decodeInfo(reader: AttributeReader, link: Mutable<Link>): void {
  while (reader.next()) {
    if (reader.type === INFO_KIND) link.kind = reader.text();
    else if (reader.type === INFO_DATA && link.kind === 'vxlan') link.vxlan = decodeVxlan(reader.nested());
    else if (reader.type === INFO_DATA && link.kind === 'macvlan') link.macvlanMode = decodeMode(reader.nested());
  }
}

function decodeMode(reader: AttributeReader): MacvlanMode | undefined {
  while (reader.next()) {
    if (reader.type !== MACVLAN_MODE) continue;
    const value = reader.u32();
    return (Object.keys(MACVLAN_MODES) as MacvlanMode[]).find((mode) => MACVLAN_MODES[mode] === value);
  }
  return undefined;
}

function decodeFamilies(families: AttributeReader, link: Mutable<Link>): void {
  while (families.next()) {
    if (families.type !== AddressFamily.ipv6) continue;
    const reader = families.nested();
    while (reader.next()) {
      if (reader.type === INET6_ADDR_GEN_MODE) link.addrGenMode = ADDR_GEN_MODES[reader.u8()];
    }
  }
}

/** What can be changed on a device; what is left out stays. */
export interface LinkChanges {
  readonly name?: string;
  readonly up?: boolean;
  /** Bytes. */
  readonly mtu?: number;
  readonly mac?: Mac;
  /** Up to 255 bytes; the empty text removes it. */
  readonly alias?: string;
  /** 0 takes it out of its bridge or bond. */
  readonly masterIndex?: number;
  readonly addrGenMode?: AddrGenMode;
  /** Neighbours on it are not asked for. */
  readonly noArp?: boolean;
  /** Only some of a VXLAN device's attributes can change: local, lowerIndex, learning, ageing, ttl, ... */
  readonly vxlan?: Partial<Vxlan>;
  /** Moves the device to the network namespace behind this open file descriptor. */
  readonly netnsFd?: number;
}

/** A device to be created. */
export interface LinkSpec extends LinkChanges {
  readonly name: string;
  /** `vxlan`, `veth`, `bridge`, `dummy`, `ipip`, ... */
  readonly kind: string;
  /** With kind `vxlan`. */
  readonly vxlan?: VxlanSpec;
  /** With kind `macvlan`: the interface that it is on, and its mode. */
  readonly macvlan?: { readonly lowerIndex: number; readonly mode: MacvlanMode };
  /** With kind `veth`: the other end. */
  readonly peer?: { readonly name: string; readonly mac?: Mac; readonly mtu?: number; readonly netnsFd?: number };
}

/** A device by index or, where that is not known yet, by name. */
export type LinkRef = number | string;

/**
 * Creates a device. It takes one message, or two: the kernel ignores alias and address generation mode while it creates
 * a device (rtnl_create_link in net/core/rtnetlink.c), so they follow, and `up` comes with the last message, when all is
 * as it should be. Sent together, the second fails with ENODEV if the first one failed.
 */
export function newLink(spec: LinkSpec): Uint8Array[] {
  const { alias, addrGenMode, noArp, up, ...atOnce } = spec;
  const later = alias !== undefined || addrGenMode !== undefined || noArp !== undefined;
  const writer = new MessageWriter(MessageType.newLink, MessageFlag.create | MessageFlag.exclusive, FIXED, 256);
  if (!later) writeFlags(writer, { up });
  writeChanges(writer, atOnce);
  writer.text(Attribute.name, spec.name);
  const { vxlan, macvlan, peer } = spec;
  if (macvlan !== undefined) writer.u32(Attribute.link, macvlan.lowerIndex);
  writer.nest(Attribute.linkInfo, () => {
    writer.text(INFO_KIND, spec.kind);
    if (vxlan !== undefined) writer.nest(INFO_DATA, () => encodeVxlan(writer, vxlan));
    if (macvlan !== undefined) writer.nest(INFO_DATA, () => writer.u32(MACVLAN_MODE, MACVLAN_MODES[macvlan.mode]));
    if (peer !== undefined) writer.nest(INFO_DATA, () => writePeer(writer, peer));
  });
  const messages = [writer.finish()];
  if (later) messages.push(setLink(spec.name, { alias, addrGenMode, noArp, up }));
  return messages;
}

/**
 * Changes a device. By index it may be renamed. `vxlan` needs a message of its own: the kernel refuses it together with an
 * MTU (vxlan_nl2conf in drivers/net/vxlan).
 */
export function setLink(link: LinkRef, changes: LinkChanges): Uint8Array {
  const writer = new MessageWriter(MessageType.newLink, 0, FIXED, 128);
  refer(writer, link);
  writeFlags(writer, changes);
  writeChanges(writer, changes);
  if (changes.name !== undefined && typeof link === 'number') writer.text(Attribute.name, changes.name);
  const { vxlan } = changes;
  if (vxlan !== undefined) {
    writer.nest(Attribute.linkInfo, () => {
      writer.text(INFO_KIND, 'vxlan');
      writer.nest(INFO_DATA, () => encodeVxlan(writer, vxlan));
    });
  }
  return writer.finish();
}

/** Deletes a device, and with it every address, route, neighbour and FDB entry on it. */
export function deleteLink(link: LinkRef): Uint8Array {
  const writer = new MessageWriter(MessageType.deleteLink, 0, FIXED, 64);
  refer(writer, link);
  return writer.finish();
}

/**
 * Asks for one device; ENODEV if there is none. For {@link NetlinkPort.query}.
 *
 * @param netnsId the namespace to look in, by the number that this one has for it ({@link Link.lowerNetnsId}); this one
 *   unless told. EPERM where one has no right to that, EINVAL when it is gone.
 */
export function getLink(link: LinkRef, netnsId?: number): Uint8Array {
  const writer = new MessageWriter(MessageType.getLink, 0, FIXED, 64);
  refer(writer, link);
  writer.u32(Attribute.extMask, SKIP_STATS);
  if (netnsId !== undefined) writer.u32(Attribute.targetNetnsId, netnsId);
  return writer.finish();
}

export interface LinkFilter {
  readonly kind?: string;
  readonly masterIndex?: number;
}

/** Asks for all devices. The kernel applies the filter. For {@link NetlinkPort.dump}. */
export function dumpLinks(filter: LinkFilter = {}): Uint8Array {
  const { kind, masterIndex } = filter;
  const writer = new MessageWriter(MessageType.getLink, MessageFlag.dump, FIXED, 64);
  writer.u32(Attribute.extMask, SKIP_STATS);
  if (masterIndex !== undefined) writer.u32(Attribute.master, masterIndex);
  if (kind !== undefined) writer.nest(Attribute.linkInfo, () => writer.text(INFO_KIND, kind));
  return writer.finish();
}

function refer(writer: MessageWriter, link: LinkRef): void {
  if (typeof link === 'number') writer.setU32(HEADER_BYTES + 4, link);
  else writer.text(Attribute.name, link);
}

function writeFlags(writer: MessageWriter, { up, noArp }: Pick<LinkChanges, 'up' | 'noArp'>): void {
  const values = (up === true ? Flag.up : 0) | (noArp === true ? Flag.noArp : 0);
  writer.setU32(HEADER_BYTES + 8, values);
  writer.setU32(HEADER_BYTES + 12, (up === undefined ? 0 : Flag.up) | (noArp === undefined ? 0 : Flag.noArp));
}

function writeChanges(writer: MessageWriter, changes: LinkChanges): void {
  if (changes.mtu !== undefined) writer.u32(Attribute.mtu, changes.mtu);
  if (changes.mac !== undefined) writer.mac(Attribute.address, changes.mac);
  if (changes.alias !== undefined) writer.bareText(Attribute.alias, changes.alias);
  if (changes.masterIndex !== undefined) writer.u32(Attribute.master, changes.masterIndex);
  if (changes.netnsFd !== undefined) writer.u32(Attribute.netnsFd, changes.netnsFd);
  const { addrGenMode } = changes;
  if (addrGenMode === undefined) return;
  writer.nest(Attribute.afSpec, () => {
    writer.nest(AddressFamily.ipv6, () => writer.u8(INET6_ADDR_GEN_MODE, ADDR_GEN_MODES.indexOf(addrGenMode)));
  });
}

function writePeer(writer: MessageWriter, peer: NonNullable<LinkSpec['peer']>): void {
  // VETH_INFO_PEER holds a whole link description: struct ifinfomsg, then attributes.
  writer.nest(
    VETH_INFO_PEER,
    () => {
      writer.text(Attribute.name, peer.name);
      if (peer.mac !== undefined) writer.mac(Attribute.address, peer.mac);
      if (peer.mtu !== undefined) writer.u32(Attribute.mtu, peer.mtu);
      if (peer.netnsFd !== undefined) writer.u32(Attribute.netnsFd, peer.netnsFd);
    },
    FIXED,
  );
}
