import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addressBytes,
  addressFamily,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  formatAddress,
  ipv4FromNumber,
  ipv4ToNumber,
  parseAddress,
  tryParseAddress,
} from '../../dist/address/index.js';
import { reference } from './reference.js';

const ipv4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
/** Groups that are often zero, so that every place of `::` occurs. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => value * 65536n + BigInt(group), 0n));
const any = fc.oneof(
  ipv4.map((value) => ({ family: 'ipv4' as const, value })),
  ipv6.map((value) => ({ family: 'ipv6' as const, value })),
);

describe('addresses against slow references', () => {
  test('text from number is the canonical one, and back', () => {
    fc.assert(
      fc.property(any, ({ family, value }) => {
        const text = reference[family].text(value);
        const address = addressFromBigInt(value, family);
        expect(address).toBe(text);
        expect(parseAddress(text)).toBe(text);
        expect(parseAddress(text, family)).toBe(text);
        expect(addressToBigInt(address)).toBe(value);
        expect(addressFamily(address)).toBe(family);
      }),
      { numRuns: 2000 },
    );
  });

  test('any spelling of an IPv6 address is read as the same canonical one', () => {
    const spelling = fc.tuple(ipv6, fc.boolean(), fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(spelling, ([value, upper, padded, dotted]) => {
        const groups = Array.from({ length: 8 }, (_, at) =>
          ((value >> BigInt(16 * (7 - at))) & 0xffffn).toString(16).padStart(padded ? 4 : 1, '0'),
        );
        const tail = dotted ? [reference.ipv4.text(value & 0xffffffffn)] : groups.slice(6);
        const text = [...groups.slice(0, 6), ...tail].join(':');
        expect(parseAddress(upper ? text.toUpperCase() : text)).toBe(reference.ipv6.text(value));
      }),
      { numRuns: 1000 },
    );
  });

  test('bytes and back, at any offset', () => {
    fc.assert(
      fc.property(any, fc.nat({ max: 9 }), ({ family, value }, offset) => {
        const address = addressFromBigInt(value, family);
        const bytes = addressBytes(address);
        expect(bytes).toHaveLength(family === 'ipv4' ? 4 : 16);
        expect(BigInt(`0x${Buffer.from(bytes).toString('hex')}`)).toBe(value);
        const padded = new Uint8Array(offset + bytes.length + 3).fill(0xee);
        padded.set(bytes, offset);
        expect(formatAddress(padded, offset, bytes.length)).toBe(address);
        expect(formatAddress(bytes)).toBe(address);
      }),
    );
  });

  test('order is that of the numbers, IPv4 first', () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        const sign = Math.sign(
          compareAddresses(addressFromBigInt(a.value, a.family), addressFromBigInt(b.value, b.family)),
        );
        if (a.family !== b.family) expect(sign).toBe(a.family === 'ipv4' ? -1 : 1);
        else expect(sign).toBe(a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
      }),
    );
  });

  test('IPv4 as 32-bit number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        expect(ipv4FromNumber(value)).toBe(reference.ipv4.text(BigInt(value)));
        expect(ipv4ToNumber(ipv4FromNumber(value))).toBe(value);
      }),
    );
  });
});

describe('canonical text', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1::0', '1::'],
    ['::1:0:0:0:0:0:0', '0:1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::FFFF:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['::1.2.3.4', '::102:304'],
  ])('%s is %s', (text, canonical) => {
    expect(parseAddress(text)).toBe(canonical);
    expect(addressFamily(parseAddress(text))).toBe('ipv6');
  });
});

describe('what is no address', () => {
  const wrong = [
    '',
    ' ',
    '10.0.0',
    '10.0.0.',
    '.10.0.0.1',
    '10..0.1',
    '10.0.0.1.1',
    '10.0.0.256',
    '10.0.0.1000',
    '010.0.0.1',
    '10.0.0.00',
    '10.0.0.-1',
    '+10.0.0.1',
    '10.0.0.1 ',
    ' 10.0.0.1',
    '10.0.0.0x1',
    '10.0.0.1/32',
    '１0.0.0.1',
    '167772161',
    'localhost',
    ':',
    ':::',
    '::1::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1:2:3:4::5:6:7:8',
    '1:2:3:4:5:6:7:',
    ':1:2:3:4:5:6:7',
    ':1',
    '1:',
    '12345::',
    '00001::',
    'g::',
    'fe80::1%eth0',
    '[::1]',
    '::1/128',
    '::1.2.3',
    '::1.2.3.4.5',
    '::1.2.3.04',
    '::1.2.3.256',
    '::1.2.3.4:5',
    '1.2.3.4::',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1:2:3:4:5:1.2.3.4',
    '::ffff:1.2.3.4 ',
  ];
  test.each(wrong)('%j', (text) => {
    expect(tryParseAddress(text)).toBeUndefined();
    expect(() => parseAddress(text)).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_ADDRESS_INVALID',
        message: `reading an address: expected an IPv4 or IPv6 address such as 192.0.2.1 or fd00::1, without a zone, got ${JSON.stringify(text)}`,
      }),
    );
  });

  test('an address of the other family', () => {
    expect(tryParseAddress('::ffff:10.0.0.1', 'ipv4')).toBeUndefined();
    expect(tryParseAddress('10.0.0.1', 'ipv6')).toBeUndefined();
    expect(() => parseAddress('10.0.0.1', 'ipv6')).toThrow('expected an IPv6 address such as fd00::1');
  });

  test('nothing at random is read unless the platform reads it too', () => {
    const char = fc.constantFrom(...'0123456789abcdefABCDEF:.%/ '.split(''));
    fc.assert(
      fc.property(fc.string({ unit: char, maxLength: 20 }), (text) => {
        if (tryParseAddress(text) === undefined) return;
        const url = text.includes(':') ? `http://[${text}]/` : `http://${text}/`;
        expect(URL.canParse(url)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('bytes of a wrong number, and numbers out of range', () => {
    for (const read of [
      () => formatAddress(new Uint8Array(5)),
      () => formatAddress(new Uint8Array(16), 4, 16),
      () => formatAddress(new Uint8Array(3), 0, 4),
    ]) {
      expect(read).toThrow(expect.objectContaining({ code: 'OVERLAY_ADDRESS_INVALID' }));
    }
    for (const make of [
      () => ipv4FromNumber(-1),
      () => ipv4FromNumber(2 ** 32),
      () => ipv4FromNumber(1.5),
      () => addressFromBigInt(-1n, 'ipv6'),
      () => addressFromBigInt(2n ** 32n, 'ipv4'),
      () => addressFromBigInt(2n ** 128n, 'ipv6'),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: 'OVERLAY_OUT_OF_RANGE' }));
    }
  });

  test('a long text is cut in the message, and cannot act on a terminal', () => {
    expect(() => parseAddress(`\u001b[2J\u009b${'x'.repeat(200)}`)).toThrow(/got "\\u001b\[2J\\u009bx{1,70}…$/);
  });
});
