import { describe, expect, test } from '@jest/globals';
import { decodeRange, decodeTxn, decodeWatch, encodeRange, encodeTxn, encodeWatch } from '../dist/rpc/messages.js';
import { MessageReader, MessageWriter } from '@overlay/core/protobuf';

const hex = (writer: MessageWriter): string => writer.finish().toString('hex');
const reader = (text: string): MessageReader => new MessageReader(Buffer.from(text.replaceAll(' ', ''), 'hex'));

// Expected bytes were put together by hand from etcd's rpc.proto and the encoding guide of protocol buffers.
describe('messages on the wire', () => {
  test('a range', () => {
    expect(hex(encodeRange({ key: 'ab', rangeEnd: 'ac', keysOnly: true, minCreateRevision: 300 }))).toBe(
      '0a026162' + '12026163' + '4001' + '60ac02',
    );
    expect(hex(encodeRange({ key: 'a' }))).toBe('0a0161');
    expect(hex(encodeRange({ key: 'a', revision: 5, minModRevision: 6 }))).toBe('0a0161' + '2005' + '5006');
  });

  test('a transaction: absent key, put with a lease of 63 bits, delete, and a range if it fails', () => {
    const lease = 0x7fffffffffffffffn;
    const bytes = hex(
      encodeTxn({
        compare: [
          { key: 'k', rangeEnd: 'l', modRevision: 0 },
          { key: 'h', modRevision: 5 },
        ],
        success: [{ put: { key: 'k', value: 'v', lease } }, { delete: { key: 'd' } }],
        failure: [{ range: { key: 'k' } }],
      }),
    );
    expect(bytes).toBe(
      '0a09' +
        '1002' +
        '1a016b' +
        '8204016c' +
        '0a07' +
        '1002' +
        '1a0168' +
        '3005' +
        '1212' +
        '1210' +
        '0a016b' +
        '120176' +
        '18ffffffffffffffff7f' +
        '1205' +
        '1a03' +
        '0a0164' +
        '1a05' +
        '0a03' +
        '0a016b',
    );
  });

  test('a watch and the question whether it lives', () => {
    expect(hex(encodeWatch({ create: { key: 'a', rangeEnd: 'b', startRevision: 7 } }))).toBe(
      '0a0a' + '0a0161' + '120162' + '1807' + '2001',
    );
    expect(hex(encodeWatch({ progress: true }))).toBe('1a00');
  });

  test('answers, with fields that are not known here passed over', () => {
    const keyValue = '0a016b' + '1003' + '1804' + '2001' + '2a0176' + '30ffffffffffffffff7f';
    const range =
      `0a0f08ffffffffffffffffff01182a2007` +
      `12${(keyValue.length / 2).toString(16)}${keyValue}` +
      '2001' +
      '7a0378797a' +
      '7d00000000' +
      '790000000000000000';
    expect(decodeRange(reader(range))).toEqual({
      header: { clusterId: -1n, revision: 42, term: 7 },
      kvs: [{ key: 'k', value: 'v', createRevision: 3, modRevision: 4, lease: 0x7fffffffffffffffn }],
      count: 1,
    });
    expect(decodeTxn(reader('0a02182a' + '1001' + '1a04' + '0a02' + '2005' + '1a02' + '1200'))).toEqual({
      header: { clusterId: 0n, revision: 42, term: 0 },
      succeeded: true,
      ranges: [{ header: { clusterId: 0n, revision: 0, term: 0 }, kvs: [], count: 5 }],
    });
    const event = '0801' + '1205' + '0a016b' + '1809';
    expect(
      decodeWatch(
        reader(
          '0a02182a' +
            '1801' +
            '2001' +
            '2809' +
            '320178' +
            `5a${(event.length / 2).toString(16).padStart(2, '0')}${event}`,
        ),
      ),
    ).toEqual({
      header: { clusterId: 0n, revision: 42, term: 0 },
      created: true,
      canceled: true,
      compactRevision: 9,
      cancelReason: 'x',
      events: [{ type: 'delete', kv: { key: 'k', value: '', createRevision: 0, modRevision: 9, lease: 0n } }],
    });
  });

  test('what is in a message in a message is counted in bytes, not in letters', () => {
    const inner = new MessageWriter().text(1, 'é…😀').number(2, -1n).message(3, new MessageWriter());
    const read = new MessageReader(new MessageWriter().message(300, inner).number(1, true).finish());
    expect(read.next()).toBe(300);
    const nested = read.message();
    expect([nested.next(), nested.text()]).toEqual([1, 'é…😀']);
    expect([nested.next(), nested.bigint()]).toEqual([2, -1n]);
    expect([nested.next(), nested.message().next(), nested.next()]).toEqual([3, 0, 0]);
    expect([read.next(), read.boolean(), read.next()]).toEqual([1, true, 0]);
  });

  test.each([
    ['ends within a number', '08ff'],
    ['a field longer than its message', '0a7f61'],
    ['an unknown type', '0b'],
    ['ends within a field of fixed length', '7d0000'],
    ['a number of eleven bytes', '10ffffffffffffffffffffff01'],
  ])('what is no message is refused: %s', (_, text) => {
    expect(() => decodeRange(reader(text))).toThrow('a message of protocol buffers cannot be read');
  });

  test.each([0n, 1n, 127n, 128n, 300n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n])('%s survives', (value) => {
    const bytes = new MessageWriter().number(1, value).text(2, 'x').finish();
    const read = new MessageReader(bytes);
    if (value !== 0n) {
      expect(read.next()).toBe(1);
      expect(read.bigint()).toBe(value);
    }
    expect(read.next()).toBe(2);
    expect(read.text()).toBe('x');
    expect(read.next()).toBe(0);
  });
});
