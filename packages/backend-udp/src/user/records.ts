import { addressBytes, addressFamily, FAMILIES, formatAddress, networkAddress, prefixLength } from '@overlay/core';
import type { Address, PerFamily, Prefix } from '@overlay/core';
import type { UdpPeer } from '../data-path.js';

/** How native/engine/addon.c wants its values: fixed places, numbers little-endian, addresses in network order. */
const SUBNET_BYTES = 18;
const ENDPOINT_BYTES = 20;
const ADDRESS_BYTES = 16;
const SUBNETS_AT = 8;
const ENDPOINTS_AT = SUBNETS_AT + 2 * SUBNET_BYTES;
const SENDERS_AT = ENDPOINTS_AT + 2 * ENDPOINT_BYTES;
const MOST_SENDERS = 4;
const RECORD_BYTES = SENDERS_AT + MOST_SENDERS * ADDRESS_BYTES;
const Operation = { set: 1, delete: 2 } as const;

/** A peer that is to be put in, or out. */
export type PeerChange =
  { readonly number: number; readonly peer: UdpPeer } | { readonly number: number; readonly peer?: undefined };

/** Changes for `setPeers`, in order. */
export function encodePeers(changes: readonly PeerChange[]): Uint8Array {
  const bytes = new Uint8Array(changes.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  changes.forEach(({ number, peer }, index) => {
    const at = index * RECORD_BYTES;
    bytes[at] = peer ? Operation.set : Operation.delete;
    view.setUint32(at + 4, number, true);
    if (!peer) return;
    // No host publishes more than an address of each family.
    const senders = peer.senders.slice(0, MOST_SENDERS);
    bytes[at + 1] = senders.length;
    writeSubnets(bytes, at + SUBNETS_AT, peer.subnets);
    writeEndpoints(view, at + ENDPOINTS_AT, peer.endpoints, peer.port);
    senders.forEach((sender, i) => bytes.set(underlayBytes(sender), at + SENDERS_AT + i * ADDRESS_BYTES));
  });
  return bytes;
}

/** Subnets for `configure`. */
export function encodeSubnets(subnets: PerFamily<Prefix>): Uint8Array {
  const bytes = new Uint8Array(2 * SUBNET_BYTES);
  writeSubnets(bytes, 0, subnets);
  return bytes;
}

/** Addresses by family for `configure`; zeros where there is none. */
export function encodeAddresses(addresses: PerFamily<Address>): Uint8Array {
  const bytes = new Uint8Array(2 * ADDRESS_BYTES);
  FAMILIES.forEach((family, i) => {
    const address = addresses[family];
    if (address !== undefined) bytes.set(addressBytes(address), i * ADDRESS_BYTES);
  });
  return bytes;
}

/** Local endpoints by family for `start`. */
export function encodeEndpoints(addresses: PerFamily<Address>, port: number): Uint8Array {
  const bytes = new Uint8Array(2 * ENDPOINT_BYTES);
  writeEndpoints(new DataView(bytes.buffer), 0, addresses, port);
  return bytes;
}

/** An address as `strays` gives it: IPv4 mapped into IPv6. */
export function decodeUnderlay(numbers: readonly number[]): Address {
  const bytes = Uint8Array.from(numbers);
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return formatAddress(mapped ? bytes.subarray(12) : bytes);
}

function underlayBytes(address: Address): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === ADDRESS_BYTES) return bytes;
  const mapped = new Uint8Array(ADDRESS_BYTES);
  mapped.fill(0xff, 10, 12);
  mapped.set(bytes, 12);
  return mapped;
}

function writeSubnets(bytes: Uint8Array, start: number, subnets: PerFamily<Prefix>): void {
  FAMILIES.forEach((family, i) => {
    const subnet = subnets[family];
    if (subnet === undefined) return;
    const at = start + i * SUBNET_BYTES;
    bytes[at] = 1;
    bytes[at + 1] = prefixLength(subnet);
    bytes.set(addressBytes(networkAddress(subnet)), at + 2);
  });
}

function writeEndpoints(view: DataView, start: number, addresses: PerFamily<Address>, port: number): void {
  FAMILIES.forEach((family, i) => {
    const address = addresses[family];
    if (address === undefined) return;
    const at = start + i * ENDPOINT_BYTES;
    view.setUint8(at, addressFamily(address) === 'ipv4' ? 4 : 6);
    view.setUint16(at + 2, port, true);
    addressBytes(address).forEach((byte, position) => view.setUint8(at + 4 + position, byte));
  });
}
