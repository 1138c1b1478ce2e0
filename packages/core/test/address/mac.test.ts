import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  deriveMac,
  formatMac,
  isLocalMac,
  isUnicastMac,
  macBytes,
  parseMac,
  tryParseMac,
} from '../../dist/address/index.js';

describe('MAC addresses', () => {
  test('bytes and every notation, and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.nat({ max: 5 }), (bytes, offset) => {
        const hex = Buffer.from(bytes).toString('hex');
        const octets = hex.match(/../g) as string[];
        const mac = formatMac(Uint8Array.of(...new Array<number>(offset).fill(7), ...bytes, 9), offset);
        expect(mac).toBe(octets.join(':'));
        expect(macBytes(mac)).toEqual(bytes);
        expect(parseMac(octets.join(':').toUpperCase())).toBe(mac);
        expect(parseMac(octets.join('-'))).toBe(mac);
        expect(parseMac((hex.match(/..../g) as string[]).join('.'))).toBe(mac);
        expect(isUnicastMac(mac)).toBe(bytes[0] % 2 === 0 && hex !== '000000000000');
        expect(isLocalMac(mac)).toBe((bytes[0] & 2) === 2);
      }),
    );
  });

  test.each([
    '',
    'c6d2326f8f44',
    'c6:d2:32:6f:8f',
    'c6:d2:32:6f:8f:44:01',
    'c6:d2:32:6f:8f-44',
    'c6:d2:32:6f:8f:4',
    'c6:d2:32:6f:8f:4g',
    ' c6:d2:32:6f:8f:44',
    'c6:d2:32:6f:8f:44\n',
    'c6d2:326f:8f44',
    'c6:d2:32:6f:8f:44:00:01',
  ])('%j is none', (text) => {
    expect(tryParseMac(text)).toBeUndefined();
    expect(() => parseMac(text)).toThrow(expect.objectContaining({ code: 'OVERLAY_ADDRESS_INVALID' }));
  });

  test('too few bytes', () => {
    expect(() => formatMac(new Uint8Array(8), 3)).toThrow(expect.objectContaining({ code: 'OVERLAY_ADDRESS_INVALID' }));
  });

  test('zero and group addresses are not unicast', () => {
    expect(isUnicastMac(parseMac('00:00:00:00:00:00'))).toBe(false);
    expect(isUnicastMac(parseMac('ff:ff:ff:ff:ff:ff'))).toBe(false);
    expect(isUnicastMac(parseMac('33:33:00:00:00:01'))).toBe(false);
    expect(isUnicastMac(parseMac('00:00:00:00:00:01'))).toBe(true);
  });
});

describe('the address derived from an identity', () => {
  test('never changes', () => {
    // Computed apart from this code, with Python's integers.
    expect(deriveMac('')).toBe('1e:60:ba:99:29:26');
    expect(deriveMac('node-1')).toBe('3e:4c:04:e1:eb:05');
    expect(deriveMac('knoten-ü')).toBe('22:9f:90:b8:6e:0f');
  });

  test('is unicast, local, and different for 50,000 names that are alike', () => {
    const seen = new Set<string>();
    for (let n = 0; n < 50_000; n++) {
      const mac = deriveMac(`node-${n}`);
      if (!isUnicastMac(mac) || !isLocalMac(mac)) throw new Error(mac);
      seen.add(mac);
    }
    expect(seen.size).toBe(50_000);
  });
});
