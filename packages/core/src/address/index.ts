export type {
  Address,
  AddressOf,
  Family,
  IPv4Address,
  IPv4Prefix,
  IPv6Address,
  IPv6Prefix,
  Prefix,
  PrefixOf,
} from './types.js';
export { addressBits, addressFamily } from './types.js';
export {
  addressBytes,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  formatAddress,
  ipv4FromNumber,
  ipv4ToNumber,
  parseAddress,
  tryParseAddress,
} from './address.js';
export {
  addressAt,
  comparePrefixes,
  lastAddress,
  makePrefix,
  networkAddress,
  parsePrefix,
  parsePrefixStrict,
  prefixContains,
  prefixesOverlap,
  prefixLength,
  tryParsePrefix,
} from './prefix.js';
export { subnetAt, subnetCount, subnetIndex, subnetsBetween } from './subnets.js';
export {
  isIPv4Mapped,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isPrivate,
  isUniqueLocal,
  isUnspecified,
} from './classes.js';
export type { Mac } from './mac.js';
export { deriveMac, formatMac, isLocalMac, isUnicastMac, macBytes, parseMac, tryParseMac } from './mac.js';
