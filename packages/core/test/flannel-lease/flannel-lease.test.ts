import { describe, expect, test } from '@jest/globals';
import type { LeaseAttributes, PerFamily, Prefix } from '@overlay/core';
import { formatLeaseKey, formatLeaseValue, parseLeaseKey, parseLeaseValue } from '@overlay/core';

const subnets = (ipv4?: string, ipv6?: string): PerFamily<Prefix> =>
  ({ ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) }) as PerFamily<Prefix>;
const attributes = (value: unknown): LeaseAttributes => value as LeaseAttributes;

describe("flannel's lease keys", () => {
  test.each([
    ['10.5.34.0-24', subnets('10.5.34.0/24')],
    ['10.5.34.0-24&fc00:0:0:22::-64', subnets('10.5.34.0/24', 'fc00:0:0:22::/64')],
    ['0.0.0.0-0&fc00:0:0:22::-64', subnets(undefined, 'fc00:0:0:22::/64')],
  ])('%s', (key, expected) => {
    expect(formatLeaseKey(expected)).toBe(key);
    expect(parseLeaseKey(key)).toEqual(expected);
  });

  test.each([
    '',
    'junk',
    '0.0.0.0-0',
    '10.5.34.0',
    '10.5.34.0-33',
    '10.5.34.0-32',
    '10.5.34.7-24',
    '10.5.34.00-24',
    '010.5.34.0-24',
    'x10.5.34.0-24',
    '10.5.34.0-24x',
    '10.5.34.0-24&',
    '10.5.34.0-24&fc00:0:0:22::-128',
    '10.5.34.0-24&FC00:0:0:22::-64',
    '10.5.34.0-24&fc00:0:0:22:0:0:0:0-64',
    '10.5.34.0-24&::ffff:1.2.3.4-96',
    'a/10.5.34.0-24',
  ])('%j is none', (key) => {
    expect(parseLeaseKey(key)).toBeUndefined();
  });
});

describe("flannel's lease values", () => {
  test.each([
    [
      '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
      {
        backendType: 'vxlan',
        ipv4: { publicIP: '192.168.64.3', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' } },
      },
    ],
    [
      '{"PublicIP":"192.168.64.3","PublicIPv6":"fd00::5","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}}',
      {
        backendType: 'vxlan',
        ipv4: { publicIP: '192.168.64.3', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' } },
        ipv6: { publicIP: 'fd00::5', data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:45' } },
      },
    ],
    ['{"PublicIP":"1.2.3.4","PublicIPv6":null}', { backendType: '', ipv4: { publicIP: '1.2.3.4' } }],
    [
      '{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::5","BackendType":"host-gw"}',
      { backendType: 'host-gw', ipv6: { publicIP: 'fd00::5' } },
    ],
    [
      '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"extension","BackendData":"a \\u0026\\u0026 b \\u003c \\u003e"}',
      { backendType: 'extension', ipv4: { publicIP: '1.2.3.4', data: 'a && b < >' } },
    ],
  ])('%s', (text, expected) => {
    expect(formatLeaseValue(attributes(expected))).toBe(text);
    expect(parseLeaseValue(text)).toEqual({ attributes: expected, others: new Map() });
  });

  test('members of our own come last and are given apart', () => {
    const text = formatLeaseValue(attributes({ backendType: '', ipv4: { publicIP: '1.2.3.4' } }), { HostID: 'a' });
    expect(text).toBe('{"PublicIP":"1.2.3.4","PublicIPv6":null,"HostID":"a"}');
    expect(parseLeaseValue(text)).toMatchObject({ others: new Map([['hostid', 'a']]) });
  });

  test('several ways to reach a host come after what flannel knows', () => {
    const endpoint = { id: 'host-gw', backendType: 'host-gw', ipv4: { publicIP: '1.2.3.4' } };
    const given = attributes({ backendType: 'host-gw', ipv4: { publicIP: '1.2.3.4' }, endpoints: [endpoint] });
    const text =
      '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"host-gw",' +
      '"Endpoints":[{"id":"host-gw","backendType":"host-gw","ipv4":{"publicIP":"1.2.3.4"}}]}';
    expect(formatLeaseValue(given)).toBe(text);
    expect(parseLeaseValue(text)).toEqual({ attributes: given, others: new Map() });
  });

  test('members in any case, absent ones unset', () => {
    expect(parseLeaseValue('{"PUBLICIP":"1.2.3.4","backendtype":"vxlan"}')).toMatchObject({
      attributes: { backendType: 'vxlan', ipv4: { publicIP: '1.2.3.4' } },
    });
    expect(parseLeaseValue('{}')).toMatchObject({ attributes: { backendType: '' } });
  });

  test.each([
    ['', 'it is empty'],
    ['{', 'it is not JSON'],
    ['[]', 'it is no JSON object'],
    ['null', 'it is no JSON object'],
    ['{"PublicIP":""}', 'PublicIP is no IPv4 address'],
    ['{"PublicIP":null}', 'PublicIP is no IPv4 address'],
    ['{"PublicIP":"fd00::5"}', 'PublicIP is no IPv4 address'],
    ['{"PublicIPv6":"1.2.3.4"}', 'PublicIPv6 is no IPv6 address'],
    ['{"BackendType":7}', 'BackendType is no string'],
  ])('%j: %s', (text, problem) => {
    expect(parseLeaseValue(text)).toEqual({ problem });
  });
});
