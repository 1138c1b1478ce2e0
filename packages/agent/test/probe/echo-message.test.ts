import { describe, expect, test } from '@jest/globals';
import { echoReplyToken, echoRequest } from '../../dist/probe/echo-message.js';

const NONCE = Buffer.from('0102030405060708', 'hex');
const IP_HEADER = Buffer.from('4500003000004000400100000af402000af40100', 'hex');

/** What the other side sends back, as a raw socket gives it. */
function reply(family: 'ipv4' | 'ipv6', token: number, nonce = NONCE): Buffer {
  const message = echoRequest(family, nonce, token);
  message[0] = family === 'ipv4' ? 0 : 129;
  return family === 'ipv4' ? Buffer.concat([IP_HEADER, message]) : message;
}

test('an IPv4 request is that of RFC 792, with a checksum that makes the sum come out', () => {
  const message = echoRequest('ipv4', NONCE, 0xdeadbeef);
  expect(message.toString('hex')).toBe(
    '0800' + message.toString('hex', 2, 4) + '0102beef' + '0102030405060708' + 'deadbeef',
  );
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) sum += message.readUInt16BE(at);
  expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
});

test('an IPv6 request leaves its checksum to the kernel', () => {
  expect(echoRequest('ipv6', NONCE, 1).toString('hex')).toBe('80000000010200010102030405060708' + '00000001');
});

describe.each(['ipv4', 'ipv6'] as const)('a packet of %s', (family) => {
  test.each([0, 1, 0x7fffffff, 0xffffffff])('that answers token %i', (token) => {
    expect(echoReplyToken(family, reply(family, token), NONCE)).toBe(token);
  });

  test('that answers somebody else', () => {
    expect(echoReplyToken(family, reply(family, 1, Buffer.alloc(8, 9)), NONCE)).toBeUndefined();
  });

  test('that is a request, as one to the own host is', () => {
    const request = echoRequest(family, NONCE, 1);
    const packet = family === 'ipv4' ? Buffer.concat([IP_HEADER, request]) : request;
    expect(echoReplyToken(family, packet, NONCE)).toBeUndefined();
  });

  test('that was cut short, anywhere', () => {
    const whole = reply(family, 1);
    for (let length = 0; length < whole.length; length++) {
      expect(echoReplyToken(family, whole.subarray(0, length), NONCE)).toBeUndefined();
    }
  });
});

test('an IPv4 header with options, and one that lies about its length', () => {
  const withOptions = Buffer.concat([Buffer.from(IP_HEADER), Buffer.alloc(4), reply('ipv4', 7).subarray(20)]);
  withOptions[0] = 0x46;
  expect(echoReplyToken('ipv4', withOptions, NONCE)).toBe(7);
  withOptions[0] = 0x4f;
  expect(echoReplyToken('ipv4', withOptions, NONCE)).toBeUndefined();
});
