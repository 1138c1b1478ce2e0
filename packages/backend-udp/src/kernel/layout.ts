import {
  addressBits,
  addressBytes,
  addressFamily,
  formatAddress,
  macBytes,
  makePrefix,
  networkAddress,
  prefixLength,
} from '@overlay/core';
import type { Address, Family, Mac, Prefix } from '@overlay/core';
import type { DropReason } from '../data-path.js';
import type { FilterMode } from '../options.js';

// The bytes that native/bpf/program/tables.h declares. Both supported processors, and so the bytecode, are little-endian;
// addresses and ports are in network order.

/** What a program is loaded with. Names are those of devices in the terms of the program that uses it. */
export interface ProgramConfig {
  /** Interface indices: the tunnel device, the other end of its pair, the interface that carries the datagrams. */
  readonly tunnel: number;
  readonly entry: number;
  readonly underlay: number;
  readonly port: number;
  readonly filter: FilterMode;
  /** Of this host on the underlay. */
  readonly addresses: { readonly ipv4?: Address; readonly ipv6?: Address };
  /** Of this host's pods. */
  readonly subnets: { readonly ipv4?: Prefix; readonly ipv6?: Prefix };
  readonly tunnelMac: Mac;
  readonly entryMac: Mac;
}

/** Bytes of `struct config`. */
export const CONFIG_BYTES = 96;
/** In the order of `enum filter`. */
export const FILTERS: readonly FilterMode[] = ['off', 'count', 'enforce'];

/** @param version Tells bytecodes apart: eight bytes. */
export function encodeConfig(config: ProgramConfig, version: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CONFIG_BYTES);
  const view = new DataView(bytes.buffer);
  const { addresses, subnets } = config;
  bytes.set(version.subarray(0, 8), 0);
  view.setUint32(8, config.tunnel, true);
  view.setUint32(12, config.entry, true);
  view.setUint32(16, config.underlay, true);
  view.setUint16(20, config.port);
  view.setUint8(22, FILTERS.indexOf(config.filter));
  if (addresses.ipv4 !== undefined) bytes.set(addressBytes(addresses.ipv4), 24);
  // Without a subnet no destination is in it: 0 under a mask of all ones is no address.
  writePrefix(bytes, subnets.ipv4, { at: 28, maskAt: 32, size: 4 });
  if (addresses.ipv6 !== undefined) bytes.set(addressBytes(addresses.ipv6), 36);
  writePrefix(bytes, subnets.ipv6, { at: 52, maskAt: 68, size: 16 });
  bytes.set(macBytes(config.tunnelMac), 84);
  bytes.set(macBytes(config.entryMac), 90);
  return bytes;
}

function writePrefix(
  bytes: Uint8Array,
  prefix: Prefix | undefined,
  { at, maskAt, size }: { readonly at: number; readonly maskAt: number; readonly size: number },
): void {
  const length = prefix === undefined ? size * 8 : prefixLength(prefix);
  if (prefix !== undefined) bytes.set(addressBytes(networkAddress(prefix)), at);
  for (let octet = 0; octet < size; octet += 1) {
    const bits = Math.min(8, Math.max(0, length - octet * 8));
    bytes[maskAt + octet] = 0xff00 >> bits;
  }
}

/** A peer's subnet: where packets for it go, and from where packets out of it may come. */
export interface RouteEntry {
  readonly subnet: Prefix;
  readonly endpoint: Address;
  readonly port: number;
  /** Its kernel takes super-packets, and checksums that are left to hardware. */
  readonly whole: boolean;
}

/** Bytes of `struct route4_key`, `struct route6_key` and `struct route`. */
export const ROUTE_KEY_BYTES: Readonly<Record<Family, number>> = { ipv4: 8, ipv6: 20 };
export const ROUTE_BYTES = 20;

export function writeRouteKey(bytes: Uint8Array, at: number, subnet: Prefix): void {
  const size = ROUTE_KEY_BYTES[addressFamily(subnet)];
  bytes.set(addressBytes(networkAddress(subnet)), at);
  bytes[at + size - 4] = prefixLength(subnet);
}

export function writeRoute(bytes: Uint8Array, at: number, route: RouteEntry): void {
  const { endpoint, port, whole } = route;
  bytes.set(addressBytes(endpoint), at);
  bytes[at + 16] = port >>> 8;
  bytes[at + 17] = port;
  bytes[at + 18] = addressFamily(endpoint) === 'ipv6' ? 1 : 0;
  bytes[at + 19] = whole ? 1 : 0;
}

/** Reads an entry; undefined for one with a key that is no prefix, which we have not written. */
export function readRoute(
  keys: Uint8Array,
  keyAt: number,
  values: Uint8Array,
  at: number,
  family: Family,
): RouteEntry | undefined {
  const size = ROUTE_KEY_BYTES[family];
  const network = formatAddress(keys, keyAt, size - 4);
  const length = keys[keyAt + size - 4];
  if (length > addressBits(family) || keys.subarray(keyAt + size - 3, keyAt + size).some((octet) => octet !== 0)) {
    return undefined;
  }
  const subnet = makePrefix(network, length);
  if (networkAddress(subnet) !== network) return undefined;
  return {
    subnet,
    endpoint: formatAddress(values, at, values[at + 18] === 1 ? 16 : 4),
    port: (values[at + 16] << 8) | values[at + 17],
    whole: values[at + 19] !== 0,
  };
}

/** Most different lengths of prefixes in one family. */
export const MOST_LENGTHS = 8;

/** The value of the map `lengths`: longest first, a byte each. */
export function encodeLengths(lengths: Iterable<number>): Uint8Array {
  const bytes = new Uint8Array(MOST_LENGTHS);
  [...lengths].sort((a, b) => b - a).forEach((length, index) => (bytes[index] = length + 1));
  return bytes;
}

/** What `enum counter` counts, in its order. */
export const COUNTERS: readonly (
  { readonly traffic: 'sent' | 'received' } | { readonly drop: DropReason } | { readonly passed: DropReason }
)[] = [
  { traffic: 'sent' },
  { traffic: 'received' },
  { drop: 'unknown-destination' },
  { drop: 'unknown-sender' },
  { drop: 'wrong-source' },
  { drop: 'wrong-destination' },
  { drop: 'malformed' },
  { drop: 'too-large' },
  { drop: 'overload' },
  { drop: 'unreachable' },
  { passed: 'unknown-sender' },
  { passed: 'wrong-source' },
  { passed: 'wrong-destination' },
];

/** Bytes of `struct traffic`, `struct stray_key` and `struct stray`. */
export const TRAFFIC_BYTES = 16;
export const STRAY_KEY_BYTES = 36;
export const STRAY_BYTES = 40;

/** A peer's packets that came from an address which it does not publish. */
export interface Stray {
  readonly outer: Address;
  /** What it publishes. */
  readonly endpoint: Address;
  /** The inner source of the last one. */
  readonly inner: Address;
  readonly packets: number;
  /** When the last one came: nanoseconds of CLOCK_MONOTONIC. */
  readonly last: bigint;
}

export function readStray(keys: Uint8Array, keyAt: number, values: Uint8Array, at: number): Stray {
  const address = (bytes: Uint8Array, from: number, isIPv6: number): Address =>
    formatAddress(bytes, from, isIPv6 === 1 ? 16 : 4);
  const value = new DataView(values.buffer, values.byteOffset + at, STRAY_BYTES);
  return {
    outer: address(keys, keyAt, keys[keyAt + 32]),
    endpoint: address(keys, keyAt + 16, keys[keyAt + 33]),
    inner: address(values, at + 16, value.getUint8(32)),
    packets: Number(value.getBigUint64(0, true)),
    last: value.getBigUint64(8, true),
  };
}
