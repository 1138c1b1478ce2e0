import type { Address } from '@overlay/core';
import type { AttributeReader, MessageWriter } from './attributes.js';

/** IFLA_VXLAN_* of linux/if_link.h. */
const Attribute = {
  id: 1,
  group: 2,
  link: 3,
  local: 4,
  ttl: 5,
  tos: 6,
  learning: 7,
  ageing: 8,
  limit: 9,
  portRange: 10,
  proxy: 11,
  rsc: 12,
  l2miss: 13,
  l3miss: 14,
  port: 15,
  group6: 16,
  local6: 17,
  udpChecksum: 18,
  udp6ZeroChecksumTx: 19,
  udp6ZeroChecksumRx: 20,
  gbp: 23,
  external: 25,
  label: 26,
  gpe: 27,
  df: 29,
} as const;

/** Whether the outer IPv4 header forbids fragments: never, always, or as the inner one says. */
export type VxlanDf = 'unset' | 'set' | 'inherit';
const DF: readonly VxlanDf[] = ['unset', 'set', 'inherit'];

/** A VXLAN device's own attributes (RFC 7348; drivers/net/vxlan of the kernel). */
export interface Vxlan {
  /** VXLAN network identifier, 0 to 2^24 - 1. */
  readonly vni: number;
  /** UDP destination port. The kernel's default is 8472. */
  readonly port: number;
  /** The outer source address. */
  readonly local?: Address;
  /** Multicast group, or the one remote, for frames to unknown destinations. */
  readonly group?: Address;
  /** Index of the device that packets leave by. */
  readonly lowerIndex?: number;
  /** Whether FDB entries are learnt from received frames. The kernel's default is true. */
  readonly learning: boolean;
  /** Seconds after which learnt entries are forgotten. */
  readonly ageing: number;
  /** Most FDB entries; 0 for no limit. */
  readonly limit: number;
  /** Outer TTL; 0 for the kernel's choice. */
  readonly ttl: number;
  readonly tos: number;
  /** Group Based Policy extension. */
  readonly gbp: boolean;
  /** Generic Protocol Extension. */
  readonly gpe: boolean;
  /** Metadata come from a tunnel route, not from the device ("external"). */
  readonly external: boolean;
  /** Answer ARP and neighbour solicitations for known neighbours. */
  readonly proxy: boolean;
  /** Route short circuit. */
  readonly rsc: boolean;
  /** Report frames without an FDB entry. */
  readonly l2miss: boolean;
  /** Report packets without a neighbour. */
  readonly l3miss: boolean;
  /** Outer UDP checksum over IPv4. */
  readonly udpChecksum: boolean;
  readonly udp6ZeroChecksumTx: boolean;
  readonly udp6ZeroChecksumRx: boolean;
  /** IPv6 flow label. */
  readonly label: number;
  readonly df: VxlanDf;
  /** Source ports that packets are spread over. */
  readonly portRange?: { readonly low: number; readonly high: number };
}

/** What a device is created with: what is left out gets the kernel's default. */
export type VxlanSpec = Partial<Vxlan> & Pick<Vxlan, 'vni'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the attributes inside IFLA_INFO_DATA of a link of kind `vxlan`. */
export function decodeVxlan(reader: AttributeReader): Vxlan {
  const vxlan: Mutable<Vxlan> = {
    vni: 0,
    port: 0,
    learning: false,
    ageing: 0,
    limit: 0,
    ttl: 0,
    tos: 0,
    gbp: false,
    gpe: false,
    external: false,
    proxy: false,
    rsc: false,
    l2miss: false,
    l3miss: false,
    udpChecksum: false,
    udp6ZeroChecksumTx: false,
    udp6ZeroChecksumRx: false,
    label: 0,
    df: 'unset',
  };
  while (reader.next()) decodeAttribute(reader, vxlan);
  return vxlan;
}

function decodeAttribute(reader: AttributeReader, vxlan: Mutable<Vxlan>): void {
  switch (reader.type) {
    case Attribute.id:
      vxlan.vni = reader.u32();
      break;
    case Attribute.group:
    case Attribute.group6:
      vxlan.group = reader.address();
      break;
    case Attribute.link:
      if (reader.u32() !== 0) vxlan.lowerIndex = reader.u32();
      break;
    case Attribute.local:
    case Attribute.local6:
      vxlan.local = reader.address();
      break;
    case Attribute.ttl:
      vxlan.ttl = reader.u8();
      break;
    case Attribute.tos:
      vxlan.tos = reader.u8();
      break;
    case Attribute.learning:
      vxlan.learning = reader.u8() !== 0;
      break;
    case Attribute.ageing:
      vxlan.ageing = reader.u32();
      break;
    case Attribute.limit:
      vxlan.limit = reader.u32();
      break;
    case Attribute.portRange: {
      const ports = new DataView(reader.buffer.buffer, reader.buffer.byteOffset + reader.start, 4);
      if (ports.getUint32(0) !== 0) vxlan.portRange = { low: ports.getUint16(0), high: ports.getUint16(2) };
      break;
    }
    case Attribute.proxy:
      vxlan.proxy = reader.u8() !== 0;
      break;
    case Attribute.rsc:
      vxlan.rsc = reader.u8() !== 0;
      break;
    case Attribute.l2miss:
      vxlan.l2miss = reader.u8() !== 0;
      break;
    case Attribute.l3miss:
      vxlan.l3miss = reader.u8() !== 0;
      break;
    case Attribute.port:
      vxlan.port = reader.u16Network();
      break;
    case Attribute.udpChecksum:
      vxlan.udpChecksum = reader.u8() !== 0;
      break;
    case Attribute.udp6ZeroChecksumTx:
      vxlan.udp6ZeroChecksumTx = reader.u8() !== 0;
      break;
    case Attribute.udp6ZeroChecksumRx:
      vxlan.udp6ZeroChecksumRx = reader.u8() !== 0;
      break;
    case Attribute.gbp:
      vxlan.gbp = true;
      break;
    case Attribute.gpe:
      vxlan.gpe = true;
      break;
    case Attribute.external:
      vxlan.external = reader.u8() !== 0;
      break;
    case Attribute.label:
      vxlan.label = reader.u32Network();
      break;
    case Attribute.df:
      vxlan.df = DF[reader.u8()] ?? 'unset';
      break;
  }
}

/** Writes the attributes inside IFLA_INFO_DATA. Those left out are not sent: the kernel's default, or no change. */
export function encodeVxlan(writer: MessageWriter, vxlan: Partial<Vxlan>): void {
  const u32 = (type: number, value: number | undefined): void => {
    if (value !== undefined) writer.u32(type, value);
  };
  const u8 = (type: number, value: number | boolean | undefined): void => {
    if (value !== undefined) writer.u8(type, Number(value));
  };
  const address = (type: number, type6: number, value: Address | undefined): void => {
    if (value !== undefined) writer.address(value.includes(':') ? type6 : type, value);
  };
  u32(Attribute.id, vxlan.vni);
  address(Attribute.group, Attribute.group6, vxlan.group);
  u32(Attribute.link, vxlan.lowerIndex);
  address(Attribute.local, Attribute.local6, vxlan.local);
  u8(Attribute.ttl, vxlan.ttl);
  u8(Attribute.tos, vxlan.tos);
  u8(Attribute.learning, vxlan.learning);
  u32(Attribute.ageing, vxlan.ageing);
  u32(Attribute.limit, vxlan.limit);
  u8(Attribute.proxy, vxlan.proxy);
  u8(Attribute.rsc, vxlan.rsc);
  u8(Attribute.l2miss, vxlan.l2miss);
  u8(Attribute.l3miss, vxlan.l3miss);
  if (vxlan.port !== undefined) writer.u16Network(Attribute.port, vxlan.port);
  u8(Attribute.udpChecksum, vxlan.udpChecksum);
  u8(Attribute.udp6ZeroChecksumTx, vxlan.udp6ZeroChecksumTx);
  u8(Attribute.udp6ZeroChecksumRx, vxlan.udp6ZeroChecksumRx);
  if (vxlan.gbp) writer.flag(Attribute.gbp);
  if (vxlan.gpe) writer.flag(Attribute.gpe);
  u8(Attribute.external, vxlan.external);
  if (vxlan.label !== undefined) writer.u32Network(Attribute.label, vxlan.label);
  if (vxlan.df !== undefined) writer.u8(Attribute.df, DF.indexOf(vxlan.df));
  if (vxlan.portRange !== undefined) {
    const { low, high } = vxlan.portRange;
    writer.bytes(Attribute.portRange, Uint8Array.of(low >>> 8, low, high >>> 8, high));
  }
}
