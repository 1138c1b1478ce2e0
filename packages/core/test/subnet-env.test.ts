import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addressFromBigInt, makePrefix, parsePrefix } from '../dist/address/index.js';
import { formatSubnetEnv, parseSubnetEnv } from '../dist/subnet-env.js';

const FULL = `FLANNEL_NETWORK=10.42.0.0/16
FLANNEL_SUBNET=10.42.0.1/24
FLANNEL_IPV6_NETWORK=2001:cafe:42::/56
FLANNEL_IPV6_SUBNET=2001:cafe:42::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`;
const ipv4 = { network: parsePrefix('10.42.0.0/16'), subnet: parsePrefix('10.42.0.0/24') };
const ipv6 = { network: parsePrefix('2001:cafe:42::/56'), subnet: parsePrefix('2001:cafe:42::/64') };

describe('formatSubnetEnv', () => {
  test('is what flanneld writes', () => {
    expect(formatSubnetEnv({ ipv4, ipv6, mtu: 1450, ipMasq: true })).toBe(FULL);
    expect(formatSubnetEnv({ ipv4, mtu: 1500, ipMasq: false })).toBe(
      'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.0.1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n',
    );
    expect(formatSubnetEnv({ ipv6, mtu: 1430, ipMasq: false })).toBe(
      'FLANNEL_IPV6_NETWORK=2001:cafe:42::/56\nFLANNEL_IPV6_SUBNET=2001:cafe:42::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n',
    );
  });
});

describe('parseSubnetEnv', () => {
  test('reads back what was written', () => {
    const family = (name: 'ipv4' | 'ipv6', bits: number): fc.Arbitrary<object | undefined> =>
      fc.option(
        fc
          .tuple(fc.bigInt({ min: 1n, max: 2n ** BigInt(bits) - 1n }), fc.nat({ max: bits - 3 }), fc.nat({ max: 2 }))
          .map(([value, length, extra]) => ({
            network: makePrefix(addressFromBigInt(value, name), length),
            subnet: makePrefix(addressFromBigInt(value, name), length + extra),
          })),
        { nil: undefined },
      );
    const env = fc.record({
      ipv4: family('ipv4', 32) as fc.Arbitrary<typeof ipv4 | undefined>,
      ipv6: family('ipv6', 128) as fc.Arbitrary<typeof ipv6 | undefined>,
      mtu: fc.integer({ min: 0, max: 0xffffffff }),
      ipMasq: fc.boolean(),
    });
    fc.assert(
      fc.property(env, (sample) => {
        expect(parseSubnetEnv(formatSubnetEnv(sample))).toEqual({
          ...sample,
          ...(sample.ipv4 && { ipv4: { ...sample.ipv4, networks: [sample.ipv4.network] } }),
          ...(sample.ipv6 && { ipv6: { ...sample.ipv6, networks: [sample.ipv6.network] } }),
          problems: [],
        });
      }),
    );
  });

  test('takes a file as people and other programs write it', () => {
    const text = [
      '# made by hand',
      '',
      'export FLANNEL_NETWORK = "10.42.0.0/16"   # the network',
      "  FLANNEL_SUBNET='10.42.7.1/24'",
      'FLANNEL_MTU=1400',
      'FLANNEL_MTU=1450 # the last one counts',
      'FLANNEL_IPMASQ=yes',
      'SOMETHING_ELSE=1',
      'not a line',
    ].join('\r\n');
    expect(parseSubnetEnv(text)).toEqual({
      ipv4: { network: '10.42.0.0/16', subnet: '10.42.7.0/24', networks: ['10.42.0.0/16'] },
      mtu: 1450,
      ipMasq: false,
      problems: [],
    });
  });

  test('says nothing of what is absent', () => {
    expect(parseSubnetEnv('')).toEqual({ problems: [] });
    expect(parseSubnetEnv('FLANNEL_SUBNET=\nFLANNEL_MTU=1450')).toEqual({ mtu: 1450, problems: [] });
  });

  test('a list is none for an allocator, and all of it for the plugin', () => {
    expect(
      parseSubnetEnv('FLANNEL_NETWORK=10.1.0.0/16,10.2.0.0/16,10.1.0.0/16\nFLANNEL_SUBNET=10.1.3.1/24,10.2.3.1/24'),
    ).toEqual({
      ipv4: { networks: ['10.1.0.0/16', '10.2.0.0/16'] },
      problems: [
        'FLANNEL_NETWORK: expected one prefix, got "10.1.0.0/16,10.2.0.0/16": taken as none',
        'FLANNEL_SUBNET: expected one prefix, got "10.1.3.0/24,10.2.3.0/24": taken as none',
      ],
    });
    expect(parseSubnetEnv('FLANNEL_NETWORK=10.1.0.0/16,10.1.0.0/16').ipv4).toEqual({
      network: '10.1.0.0/16',
      networks: ['10.1.0.0/16'],
    });
  });

  test.each([
    ['FLANNEL_SUBNET=10.1.3.1', 'FLANNEL_SUBNET: expected an IPv4 prefix, got "10.1.3.1"'],
    ['FLANNEL_SUBNET=fd00::1/64', 'FLANNEL_SUBNET: expected an IPv4 prefix, got "fd00::1/64"'],
    ['FLANNEL_IPV6_SUBNET=10.1.3.1/24', 'FLANNEL_IPV6_SUBNET: expected an IPv6 prefix, got "10.1.3.1/24"'],
    ['FLANNEL_MTU=-1', 'FLANNEL_MTU: expected an integer from 0 to 4294967295, got "-1"'],
    ['FLANNEL_MTU=4294967296', 'FLANNEL_MTU: expected an integer from 0 to 4294967295, got "4294967296"'],
    ['FLANNEL_MTU=', 'FLANNEL_MTU: expected an integer from 0 to 4294967295, got ""'],
  ])('%s is told', (line, problem) => {
    expect(parseSubnetEnv(`${line}\nFLANNEL_IPMASQ=true\n`)).toEqual({ ipMasq: true, problems: [problem] });
  });
});
