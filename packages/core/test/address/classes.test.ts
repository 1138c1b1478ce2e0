import { describe, expect, test } from '@jest/globals';
import {
  isIPv4Mapped,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isPrivate,
  isUniqueLocal,
  isUnspecified,
  parseAddress,
} from '../../dist/address/index.js';

const predicates = { isIPv4Mapped, isLinkLocal, isLoopback, isMulticast, isPrivate, isUniqueLocal, isUnspecified };

/** The classes that each address has; it has none of the others. Both ends of each range and their neighbours. */
const table: readonly (readonly [string, ...(keyof typeof predicates)[]])[] = [
  ['0.0.0.0', 'isUnspecified'],
  ['::', 'isUnspecified'],
  ['0.0.0.1'],
  ['::2'],
  ['126.255.255.255'],
  ['127.0.0.0', 'isLoopback'],
  ['127.255.255.255', 'isLoopback'],
  ['128.0.0.0'],
  ['::1', 'isLoopback'],
  ['169.253.255.255'],
  ['169.254.0.0', 'isLinkLocal'],
  ['169.254.255.255', 'isLinkLocal'],
  ['169.255.0.0'],
  ['fe7f:ffff::'],
  ['fe80::', 'isLinkLocal'],
  ['febf:ffff::1', 'isLinkLocal'],
  ['fec0::'],
  ['223.255.255.255'],
  ['224.0.0.0', 'isMulticast'],
  ['239.255.255.255', 'isMulticast'],
  ['240.0.0.0'],
  ['feff::'],
  ['ff00::', 'isMulticast'],
  ['ff02::1', 'isMulticast'],
  ['9.255.255.255'],
  ['10.0.0.0', 'isPrivate'],
  ['10.255.255.255', 'isPrivate'],
  ['11.0.0.0'],
  ['172.15.255.255'],
  ['172.16.0.0', 'isPrivate'],
  ['172.31.255.255', 'isPrivate'],
  ['172.32.0.0'],
  ['192.167.255.255'],
  ['192.168.0.0', 'isPrivate'],
  ['192.168.255.255', 'isPrivate'],
  ['192.169.0.0'],
  ['fbff:ffff::'],
  ['fc00::', 'isPrivate', 'isUniqueLocal'],
  ['fdff:ffff::1', 'isPrivate', 'isUniqueLocal'],
  ['fe00::'],
  ['fc::'],
  ['ff::'],
  ['::ffff:8.8.8.8', 'isIPv4Mapped'],
  ['::ffff:127.0.0.1', 'isIPv4Mapped', 'isLoopback'],
  ['::ffff:224.0.0.1', 'isIPv4Mapped', 'isMulticast'],
  ['::ffff:10.0.0.1', 'isIPv4Mapped', 'isPrivate'],
  ['::ffff:169.254.0.1', 'isIPv4Mapped', 'isLinkLocal'],
  ['::ffff:0:0:1'],
  ['::ffff:0.0.0.1', 'isIPv4Mapped'],
  ['::fffe:7f00:1'],
  ['2001:db8::1'],
];

describe('classes of addresses', () => {
  test.each(table)('%s', (text, ...expected) => {
    const address = parseAddress(text);
    const found = Object.entries(predicates).filter(([, is]) => is(address));
    expect(found.map(([name]) => name).sort()).toEqual([...expected].sort());
  });
});
