import { expect, test } from '@jest/globals';
import { prefixContains } from '@overlay/core';
import type { Address, Prefix } from '@overlay/core';
import { OnLink } from '../../dist/adjacency/on-link.js';

const PREFIXES = ['172.16.0.0/12', '192.0.2.128/25', '198.51.100.7/32', '255.255.255.252/30', 'fd00:1::/64'];
const ADDRESSES = [
  ...['172.15.255.255', '172.16.0.0', '172.31.255.255', '172.32.0.0', '192.0.2.127', '192.0.2.128', '192.0.2.255'],
  ...['198.51.100.6', '198.51.100.7', '198.51.100.8', '255.255.255.251', '255.255.255.255', '0.0.0.0'],
  ...['fd00:1::1', 'fd00:1:0:1::1', '::', '::ffff:172.16.0.1'],
];

test.each(
  [...PREFIXES.map((prefix) => [prefix]), PREFIXES, ['0.0.0.0/0'], ['::/0'], []].map((prefixes) => ({ prefixes })),
)('an address is on the link if one of $prefixes contains it', ({ prefixes }) => {
  const onLink = new OnLink(prefixes as Prefix[]);
  const found = ADDRESSES.filter((address) => onLink.has(address as Address));
  expect(found).toEqual(
    ADDRESSES.filter((address) => prefixes.some((prefix) => prefixContains(prefix as Prefix, address as Address))),
  );
  if (prefixes.length > 0) expect(found).not.toEqual([]);
});
