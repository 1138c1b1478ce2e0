import type { Address, Family } from '@overlay/core';
import type { NetlinkMessage } from '../message.js';
import { HEADER_BYTES, readU32 } from '../message.js';
import type { Write } from '../protocol.js';
import { AddressFamily, MessageFlag, MessageType, writeFlags } from '../protocol.js';
import { AttributeReader, MessageWriter } from './attributes.js';
import type { RouteScope } from './route-names.js';
import { scopeName, scopeNumber } from './route-names.js';

/** Bytes of struct ifaddrmsg (linux/if_addr.h). */
const FIXED = 8;

/** IFA_* of linux/if_addr.h. */
const Attribute = {
  address: 1,
  local: 2,
  label: 3,
  broadcast: 4,
  cacheInfo: 6,
  flags: 8,
  metric: 9,
  targetNetnsId: 10,
} as const;

/** IFA_F_*. The lowest bit means `secondary` in IPv4 and `temporary` in IPv6. */
const Flag = {
  secondary: 0x01,
  noDad: 0x02,
  dadFailed: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  noPrefixRoute: 0x200,
} as const;

/** What the kernel writes for a lifetime without end. */
const FOREVER = 0xffffffff;

/** An address of this host on a device. */
export interface InterfaceAddress {
  readonly family: Family;
  /** Index of the device. */
  readonly index: number;
  /** The host's own address. */
  readonly address: Address;
  readonly prefixLength: number;
  /** The other end, on point-to-point devices that have one. */
  readonly peer?: Address;
  readonly scope: RouteScope | number;
  /** IPv4: the device's name, or an alias of it. */
  readonly label?: string;
  readonly broadcast?: Address;
  /** Metric of the prefix route that comes with it; absent for the default. */
  readonly metric?: number;
  readonly permanent: boolean;
  /** IPv4: not the first of its subnet on the device. */
  readonly secondary: boolean;
  /** IPv6: a privacy address (RFC 8981). */
  readonly temporary: boolean;
  /** Its preferred lifetime is over. */
  readonly deprecated: boolean;
  /** Duplicate address detection is not done yet. */
  readonly tentative: boolean;
  readonly dadFailed: boolean;
  readonly noPrefixRoute: boolean;
  /** Seconds left; absent for ever. */
  readonly validSeconds?: number;
  /** Seconds left; absent for ever. */
  readonly preferredSeconds?: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads RTM_NEWADDR and RTM_DELADDR; undefined for other families than IPv4 and IPv6. */
export function decodeAddress({ buffer, start, end }: NetlinkMessage): InterfaceAddress | undefined {
  const family = buffer[start];
  if (family !== AddressFamily.ipv4 && family !== AddressFamily.ipv6) return undefined;
  let flags = buffer[start + 2];
  let own: Address | undefined;
  let given: Address | undefined;
  const reader = new AttributeReader(buffer, start + FIXED, end);
  const found: Partial<Mutable<InterfaceAddress>> = {};
  while (reader.next()) {
    switch (reader.type) {
      case Attribute.address:
        given = reader.address();
        break;
      case Attribute.local:
        own = reader.address();
        break;
      case Attribute.label:
        found.label = reader.text();
        break;
      case Attribute.broadcast:
        found.broadcast = reader.address();
        break;
      case Attribute.flags:
        flags = reader.u32();
        break;
      case Attribute.metric:
        found.metric = reader.u32();
        break;
      case Attribute.cacheInfo: {
        const preferred = readU32(buffer, reader.start);
        const valid = readU32(buffer, reader.start + 4);
        if (preferred !== FOREVER) found.preferredSeconds = preferred;
        if (valid !== FOREVER) found.validSeconds = valid;
        break;
      }
    }
  }
  const address = own ?? given;
  if (address === undefined) return undefined;
  const ipv4 = family === AddressFamily.ipv4;
  return {
    family: ipv4 ? 'ipv4' : 'ipv6',
    index: readU32(buffer, start + 4),
    address,
    prefixLength: buffer[start + 1],
    ...(given !== undefined && given !== address ? { peer: given } : {}),
    scope: scopeName(buffer[start + 3]),
    permanent: (flags & Flag.permanent) !== 0,
    secondary: ipv4 && (flags & Flag.secondary) !== 0,
    temporary: !ipv4 && (flags & Flag.secondary) !== 0,
    deprecated: (flags & Flag.deprecated) !== 0,
    tentative: (flags & Flag.tentative) !== 0,
    dadFailed: (flags & Flag.dadFailed) !== 0,
    noPrefixRoute: (flags & Flag.noPrefixRoute) !== 0,
    ...found,
  };
}

/** What makes up an address's key in the kernel. */
export type AddressKey = Pick<InterfaceAddress, 'index' | 'address' | 'prefixLength'>;

/** An address to be added. */
export interface AddressSpec extends AddressKey {
  readonly peer?: Address;
  /** Default: what the kernel does, `universe`. */
  readonly scope?: RouteScope | number;
  readonly label?: string;
  readonly broadcast?: Address;
  readonly metric?: number;
  /** Do not add the route to its prefix. */
  readonly noPrefixRoute?: boolean;
  /** IPv6: use it at once, without duplicate address detection. */
  readonly noDad?: boolean;
  /** Default: for ever. */
  readonly validSeconds?: number;
  readonly preferredSeconds?: number;
}

/** Adds an address (`create`: EEXIST if it is there), or changes lifetimes and flags of one (`replace`, `upsert`). */
export function newAddress(spec: AddressSpec, write: Write): Uint8Array {
  const flags = (spec.noPrefixRoute ? Flag.noPrefixRoute : 0) | (spec.noDad ? Flag.noDad : 0);
  const writer = begin(MessageType.newAddress, writeFlags(write), spec, spec.peer);
  if (spec.scope !== undefined) writer.setU8(HEADER_BYTES + 3, scopeNumber(spec.scope));
  if (flags !== 0) writer.u32(Attribute.flags, flags);
  if (spec.label !== undefined) writer.text(Attribute.label, spec.label);
  if (spec.broadcast !== undefined) writer.address(Attribute.broadcast, spec.broadcast);
  if (spec.metric !== undefined) writer.u32(Attribute.metric, spec.metric);
  if (spec.validSeconds !== undefined || spec.preferredSeconds !== undefined) {
    const lifetimes = new DataView(new ArrayBuffer(16));
    lifetimes.setUint32(0, spec.preferredSeconds ?? spec.validSeconds ?? FOREVER, true);
    lifetimes.setUint32(4, spec.validSeconds ?? FOREVER, true);
    writer.bytes(Attribute.cacheInfo, new Uint8Array(lifetimes.buffer));
  }
  return writer.finish();
}

/** Removes an address; EADDRNOTAVAIL if it is not there. */
export function deleteAddress(key: AddressKey & { readonly peer?: Address }): Uint8Array {
  return begin(MessageType.deleteAddress, 0, key, key.peer).finish();
}

export interface AddressFilter {
  readonly family?: Family;
  readonly index?: number;
  /** The namespace to look in, by the number that this one has for it; together with a family. This one unless told. */
  readonly netnsId?: number;
}

/** Asks for all addresses. The kernel applies the filter; one of a device that is gone fails with ENODEV. */
export function dumpAddresses(filter: AddressFilter = {}): Uint8Array {
  const writer = new MessageWriter(MessageType.getAddress, MessageFlag.dump, FIXED, 32);
  if (filter.family !== undefined) writer.setU8(HEADER_BYTES, AddressFamily[filter.family]);
  if (filter.index !== undefined) writer.setU32(HEADER_BYTES + 4, filter.index);
  if (filter.netnsId !== undefined) writer.u32(Attribute.targetNetnsId, filter.netnsId);
  return writer.finish();
}

function begin(type: number, flags: number, key: AddressKey, peer: Address | undefined): MessageWriter {
  const writer = new MessageWriter(type, flags, FIXED, 96);
  writer.setU8(HEADER_BYTES, key.address.includes(':') ? AddressFamily.ipv6 : AddressFamily.ipv4);
  writer.setU8(HEADER_BYTES + 1, key.prefixLength);
  writer.setU32(HEADER_BYTES + 4, key.index);
  writer.address(Attribute.local, key.address);
  writer.address(Attribute.address, peer ?? key.address);
  return writer;
}
