import { expect, test } from '@jest/globals';
import { addressBytes } from '@overlay/core';
import type { Address } from '@overlay/core';
import { readStrays } from '../../dist/kernel/counters.js';
import { STRAY_BYTES, STRAY_KEY_BYTES } from '../../dist/kernel/layout.js';
import type { BpfMaps } from '../../dist/kernel/maps.js';

const MINUTE = 60_000_000_000n;
/** When the last packet came. */
const THEN = 5n * MINUTE;

/** Maps with one stray, from 203.0.113.9 in place of 192.0.2.2, and with the addresses that peers publish. */
function maps(...published: readonly string[]): BpfMaps {
  const keys = new Uint8Array(STRAY_KEY_BYTES);
  keys.set(addressBytes('203.0.113.9' as Address), 0);
  keys.set(addressBytes('192.0.2.2' as Address), 16);
  const values = new Uint8Array(STRAY_BYTES);
  const view = new DataView(values.buffer);
  view.setBigUint64(0, 7n, true);
  view.setBigUint64(8, THEN, true);
  values.set(addressBytes('10.244.2.5' as Address), 16);
  return {
    dump: () => ({ keys, values, count: 1 }),
    lookup: (name: string, key: Uint8Array) =>
      name === 'routes4' && key[4] === 32 && published.includes(key.subarray(0, 4).join('.')) ? key : undefined,
  } as unknown as BpfMaps;
}

test('a peer whose packets come from an address that it does not publish is told of', () => {
  expect(readStrays(maps('192.0.2.2'), THEN + MINUTE)).toEqual([
    { outer: '203.0.113.9', endpoint: '192.0.2.2', inner: '10.244.2.5', packets: 7, last: THEN },
  ]);
});

test.each([
  ['once it publishes that address', ['203.0.113.9'], 1n],
  ['once somebody publishes that address', ['192.0.2.2', '203.0.113.9'], 1n],
  ['once it is gone, or publishes another one', ['192.0.2.3'], 1n],
  ['when there was nothing more for ten minutes', ['192.0.2.2'], 10n],
])('and no longer %s', (_, published, minutes) => {
  expect(readStrays(maps(...published), THEN + minutes * MINUTE)).toEqual([]);
});
