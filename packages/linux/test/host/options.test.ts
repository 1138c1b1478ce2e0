import { describe, expect, test } from '@jest/globals';
import { parseInterfaceOptions } from '../../dist/host/index.js';
import type { InterfaceOptions } from '../../dist/host/index.js';

const refusals: readonly (readonly [key: string, options: InterfaceOptions, message: string])[] = [
  [
    '--iface',
    { iface: [''] },
    '--iface: expected an address or an interface name of 1 to 15 bytes without "/" or spaces, got ""',
  ],
  [
    '--iface',
    { iface: ['eth0', 'a/b'] },
    '--iface: expected an address or an interface name of 1 to 15 bytes without "/" or spaces, got "a/b"',
  ],
  [
    '--iface',
    { iface: ['eth 0'] },
    '--iface: expected an address or an interface name of 1 to 15 bytes without "/" or spaces, got "eth 0"',
  ],
  [
    '--iface',
    { iface: ['0123456789abcdef'] },
    '--iface: expected an address or an interface name of 1 to 15 bytes without "/" or spaces, got "0123456789abcdef"',
  ],
  [
    '--iface',
    { iface: ['..'] },
    '--iface: expected an address or an interface name of 1 to 15 bytes without "/" or spaces, got ".."',
  ],
  ['--iface', { iface: ['10.0.0.256'] }, '--iface: expected an interface name or an address, got "10.0.0.256"'],
  ['--iface', { iface: ['fd00::g'] }, '--iface: expected an interface name or an address, got "fd00::g"'],
  ['--iface', { iface: ['127.0.0.1'] }, '--iface: expected an address of this host, got "127.0.0.1"'],
  ['--iface', { iface: ['224.0.0.1'] }, '--iface: expected an address of this host, got "224.0.0.1"'],
  [
    '--iface-can-reach',
    { ifaceCanReach: 'example.org' },
    '--iface-can-reach: expected an IPv4 or IPv6 address to be reached, got "example.org"',
  ],
  [
    '--iface-can-reach',
    { ifaceCanReach: '' },
    '--iface-can-reach: expected an IPv4 or IPv6 address to be reached, got ""',
  ],
  [
    '--iface-can-reach',
    { ifaceCanReach: '0.0.0.0' },
    '--iface-can-reach: expected an IPv4 or IPv6 address to be reached, got "0.0.0.0"',
  ],
  [
    '--public-ip',
    { publicIP: 'fd00::1' },
    '--public-ip: expected the IPv4 address under which peers reach this host, got "fd00::1"',
  ],
  [
    '--public-ip',
    { publicIP: '1.2.3' },
    '--public-ip: expected the IPv4 address under which peers reach this host, got "1.2.3"',
  ],
  [
    '--public-ip',
    { publicIP: '255.255.255.255' },
    '--public-ip: expected the IPv4 address under which peers reach this host, got "255.255.255.255"',
  ],
  [
    '--public-ipv6',
    { publicIPv6: '10.0.0.1' },
    '--public-ipv6: expected the IPv6 address under which peers reach this host, got "10.0.0.1"',
  ],
  [
    '--public-ipv6',
    { publicIPv6: '::1' },
    '--public-ipv6: expected the IPv6 address under which peers reach this host, got "::1"',
  ],
  ['families', { families: [] }, 'families: expected at least one of ipv4 and ipv6, got none'],
];

const badExpressions: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /an empty expression matches every interface$/],
  ['(?i)', /an empty expression matches every interface$/],
  ['eth(', /Unterminated group$/],
  ['[', /Unterminated character class$/],
  ['*', /Nothing to repeat$/],
  ['\\Aeth0\\z', /"\\\\A" is not understood here/],
  ['[[:alpha:]]', /"\[\[:" is not understood here/],
  ['(?P<name>eth)', /"\(\?P<" is not understood here/],
];

describe('parseInterfaceOptions', () => {
  test.each(refusals)('%s refuses %j', (key, options, message) => {
    expect(() => parseInterfaceOptions(options)).toThrow(
      expect.objectContaining({ code: 'OVERLAY_CONFIG_INVALID', key, message }),
    );
  });

  test.each(badExpressions)('--iface-regex refuses %j', (text, why) => {
    expect(() => parseInterfaceOptions({ ifaceRegex: [text] })).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_CONFIG_INVALID',
        key: '--iface-regex',
        message: expect.stringMatching(why),
      }),
    );
  });

  test('cuts what is long', () => {
    expect(() => parseInterfaceOptions({ iface: ['x'.repeat(500)] })).toThrow(/got "x{80}…"$/);
  });

  test('takes names that only look odd, and flanneld’s empty defaults', () => {
    const selection = parseInterfaceOptions({ iface: ['eth0.100', '1.2.3', 'br-ab@x'], publicIP: '', publicIPv6: '' });
    expect(selection.iface).toEqual([{ name: 'eth0.100' }, { name: '1.2.3' }, { name: 'br-ab@x' }]);
    expect(selection.publicIP).toEqual({});
  });

  test('makes addresses canonical', () => {
    const selection = parseInterfaceOptions({ iface: ['FD00:0::1'], ifaceCanReach: '2001:DB8::1' });
    expect(selection).toMatchObject({ iface: [{ address: 'fd00::1' }], canReach: '2001:db8::1' });
  });
});
