import { formatLeaseKey, parseLeaseKey } from '@overlay/core';
import { describe, expect, test } from '@jest/globals';
import type { LeaseAttributes } from '@overlay/core';
import { decodeLease, encodeLease } from '../dist/format/lease-content.js';
import { isHostId } from '@overlay/core/store';

const VXLAN = {
  backendType: 'vxlan',
  ipv4: { publicIP: '192.168.64.3', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' } },
} as unknown as LeaseAttributes;
const DUAL = {
  ...VXLAN,
  ipv6: { publicIP: 'fd00::5', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:45' } },
} as unknown as LeaseAttributes;

describe('names of lease files', () => {
  test.each([
    ['10.5.34.0-24', { ipv4: '10.5.34.0/24' }],
    ['10.5.34.0-24&fc00:0:0:22::-64', { ipv4: '10.5.34.0/24', ipv6: 'fc00:0:0:22::/64' }],
    ['0.0.0.0-0&fc00:0:0:22::-64', { ipv6: 'fc00:0:0:22::/64' }],
    ['10.0.0.0-8', { ipv4: '10.0.0.0/8' }],
  ])('%s', (name, subnets) => {
    expect(parseLeaseKey(name)).toEqual(subnets);
    expect(formatLeaseKey(subnets as never)).toBe(name);
  });

  test.each([
    '0.0.0.0-0',
    '10.5.34.7-24',
    '10.5.34.0-32',
    '10.5.34.0-33',
    '10.5.34.0-024',
    '010.5.34.0-24',
    '10.5.34.0/24',
    '10.5.34-24',
    '10.5.34.0-24&FC00::-64',
    '10.5.34.0-24&fc00:0:0:0:0:0:0:0-64',
    '10.5.34.0-24&fc00::-128',
    '10.5.34.0-24&fc00::1-64',
    '10.5.34.0-24&',
    '10.5.34.0-24 ',
    ' 10.5.34.0-24',
    '10.5.34.0-24\n',
    '.10.5.34.0-24',
    'net-conf.json',
    '',
  ])('%j is none', (name) => {
    expect(parseLeaseKey(name)).toBeUndefined();
  });
});

describe('contents of lease files', () => {
  const ours = { hostId: 'node-1', expiresAt: Date.UTC(2026, 0, 31, 12) };
  const tail = ',"HostID":"node-1","Expires":"2026-01-31T12:00:00.000Z"}';

  test.each([
    [
      VXLAN,
      '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}',
    ],
    [
      DUAL,
      '{"PublicIP":"192.168.64.3","PublicIPv6":"fd00::5","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}',
    ],
    [{ backendType: '', ipv4: { publicIP: '1.2.3.4' } }, '{"PublicIP":"1.2.3.4","PublicIPv6":null'],
    [
      { backendType: 'host-gw', ipv6: { publicIP: 'fd00::5' } },
      '{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::5","BackendType":"host-gw"',
    ],
    [
      { backendType: 'wireguard', ipv4: { publicIP: '1.2.3.4', data: null } },
      '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"wireguard","BackendData":null',
    ],
  ])('are the bytes that flannel writes, then ours: %#', (given, flannel) => {
    const attributes = given as unknown as LeaseAttributes;
    expect(encodeLease({ attributes, ...ours })).toBe(flannel + tail);
    expect(encodeLease({ attributes })).toBe(`${flannel}}`);
    expect(decodeLease(flannel + tail)).toEqual({ attributes, ...ours });
    expect(decodeLease(`${flannel}}`)).toEqual({ attributes });
  });

  test('members in any case, unknown ones and white space are read as by Go', () => {
    const text = ' { "publicip" : "1.2.3.4" , "BACKENDTYPE":"vxlan", "Later":[1], "hostid":"a", "expires":null }\n';
    expect(decodeLease(text)).toEqual({
      attributes: { backendType: 'vxlan', ipv4: { publicIP: '1.2.3.4' } },
      hostId: 'a',
    });
  });

  test.each([
    ['', 'it is empty'],
    ['{"PublicIP":"1.2', 'it is not JSON'],
    ['[]', 'it is no JSON object'],
    ['null', 'it is no JSON object'],
    ['{"PublicIP":null}', 'PublicIP is no IPv4 address'],
    ['{"PublicIP":""}', 'PublicIP is no IPv4 address'],
    ['{"PublicIP":"::1"}', 'PublicIP is no IPv4 address'],
    ['{"PublicIPv6":"1.2.3.4"}', 'PublicIPv6 is no IPv6 address'],
    ['{"BackendType":7}', 'BackendType is no string'],
    ['{"HostID":""}', 'HostID is no usable name'],
    ['{"HostID":"a\\nb"}', 'HostID is no usable name'],
    [`{"HostID":"${'x'.repeat(257)}"}`, 'HostID is no usable name'],
    ['{"Expires":"soon"}', 'Expires is no point in time such as 2026-01-31T12:00:00.000Z'],
    ['{"Expires":1}', 'Expires is no point in time such as 2026-01-31T12:00:00.000Z'],
  ])('%j is none', (text, problem) => {
    expect(decodeLease(text)).toEqual({ problem });
  });

  test('a host identity is a short printable text', () => {
    expect(['a', 'node-1.example', 'é'].every(isHostId)).toBe(true);
    expect(['', 'a\0', 7, undefined].some(isHostId)).toBe(false);
  });
});
