import { OverlayError } from '../errors.js';
import { addressFromBigInt, addressToBigInt, ipv4ToNumber } from './address.js';
import { writeIPv4 } from './ipv4.js';
import { checkLength, networkAddress } from './prefix.js';
import type { Address, IPv4Address, Prefix } from './types.js';
import { addressBits, addressFamily } from './types.js';

/**
 * Arithmetic of subnets of one size in a row, as an allocator needs it: number 0 begins at the address `first`, which
 * lies on a boundary of that size (as SubnetMin does). Numbers are bigints because an IPv6 network has room for more
 * subnets than a double can count.
 */

/**
 * The subnet number `n`.
 *
 * @throws OverlayError `OVERLAY_OUT_OF_RANGE` when it lies outside the address space, or `first` on no boundary.
 */
export function subnetAt(first: Address, length: number, n: number | bigint): Prefix {
  const family = addressFamily(first);
  checkLength(length, family);
  if (family === 'ipv4') {
    const size = 2 ** (32 - length);
    const start = ipv4ToNumber(first as IPv4Address);
    const at = start + Number(n) * size;
    if (start % size !== 0) throw offBoundary(first, length);
    if (!Number.isInteger(Number(n)) || at < 0 || at > 0xffffffff) throw noSubnet(first, length, n);
    return `${writeIPv4(at)}/${length}` as Prefix;
  }
  const start = alignedStart(first, length);
  if (typeof n === 'number' && !Number.isSafeInteger(n)) throw noSubnet(first, length, n);
  const at = start + (BigInt(n) << BigInt(128 - length));
  if (at < 0n || at >> 128n !== 0n) throw noSubnet(first, length, n);
  return `${addressFromBigInt(at, 'ipv6')}/${length}` as Prefix;
}

/**
 * The number of the subnet that holds an address, or the first address of a prefix. Negative before `first`.
 *
 * @throws OverlayError `OVERLAY_OUT_OF_RANGE` when the families differ, or `first` is on no boundary.
 */
export function subnetIndex(first: Address, length: number, of: Address | Prefix): bigint {
  const family = addressFamily(first);
  checkLength(length, family);
  const address = of.includes('/') ? networkAddress(of as Prefix) : (of as Address);
  if (addressFamily(address) !== family) {
    throw new OverlayError('OVERLAY_OUT_OF_RANGE', `counting subnets: ${of} is of another family than ${first}`);
  }
  // An arithmetic shift rounds down, so what lies just before the first subnet is in number -1.
  return (addressToBigInt(address) - alignedStart(first, length)) >> BigInt(addressBits(family) - length);
}

/** How many subnets there are from the one that begins at `first` to the one that holds `last`. At least 0. */
export function subnetCount(first: Address, last: Address, length: number): bigint {
  const index = subnetIndex(first, length, last);
  return index < 0n ? 0n : index + 1n;
}

/** The subnets from the one that begins at `first` to the one that holds `last`, in order, made as they are asked for. */
export function* subnetsBetween(first: Address, last: Address, length: number): Generator<Prefix, void, undefined> {
  const count = subnetCount(first, last, length);
  for (let n = 0n; n < count; n++) yield subnetAt(first, length, n);
}

function alignedStart(first: Address, length: number): bigint {
  const start = addressToBigInt(first);
  const room = BigInt(addressBits(addressFamily(first)) - length);
  if ((start >> room) << room !== start) throw offBoundary(first, length);
  return start;
}

function offBoundary(first: Address, length: number): OverlayError {
  return new OverlayError('OVERLAY_OUT_OF_RANGE', `counting subnets: ${first} is not the start of a /${length}`);
}

function noSubnet(first: Address, length: number, n: number | bigint): OverlayError {
  return new OverlayError('OVERLAY_OUT_OF_RANGE', `taking a subnet: there is no /${length} number ${n} from ${first}`);
}
