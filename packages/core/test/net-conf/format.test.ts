import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addressFromBigInt, makePrefix, networkAddress, subnetAt } from '../../dist/address/index.js';
import { formatNetConf, parseNetConf } from '../../dist/net-conf/index.js';

describe('formatNetConf', () => {
  test('writes every setting by the name that flannel knows', () => {
    const text =
      '{"backend":{"vni":7,"Type":"VXLAN","DirectRouting":true},"Network":"10.3.5.7/16","enableIPv6":true,"IPv6Network":"FD00::/56"}';
    expect(formatNetConf(parseNetConf(text))).toBe(
      '{"EnableIPv4":true,"EnableIPv6":true,"EnableNFTables":false,"Network":"10.3.0.0/16","SubnetLen":24,"SubnetMin":"10.3.1.0","SubnetMax":"10.3.255.0","IPv6Network":"fd00::/56","IPv6SubnetLen":64,"IPv6SubnetMin":"fd00:0:0:1::","IPv6SubnetMax":"fd00:0:0:ff::","Backend":{"Type":"vxlan","DirectRouting":true,"vni":7}}',
    );
  });

  test('leaves out the family that is not enabled, and indents on request', () => {
    const text = formatNetConf(parseNetConf('{"Network":"10.3.0.0/16"}'), { indent: 2 });
    expect(text.split('\n').slice(0, 5)).toEqual([
      '{',
      '  "EnableIPv4": true,',
      '  "EnableIPv6": false,',
      '  "EnableNFTables": false,',
      '  "Network": "10.3.0.0/16",',
    ]);
    expect(text).not.toContain('IPv6Network');
  });

  test('what is read again means the same', () => {
    const family = (bits: number, longest: number): fc.Arbitrary<{ value: bigint; network: number; extra: number }> =>
      fc.record({
        value: fc.bigInt({ min: 2n ** BigInt(bits - 2), max: 2n ** BigInt(bits) - 1n }),
        network: fc.integer({ min: 2, max: longest - 2 }),
        extra: fc.integer({ min: 2, max: 12 }),
      });
    const document = fc.record({
      ipv4: fc.option(family(32, 30)),
      ipv6: fc.option(family(128, 126)),
      nft: fc.boolean(),
      options: fc.dictionary(fc.stringMatching(/^[A-Z][a-z]{1,5}$/), fc.jsonValue()),
    });
    fc.assert(
      fc.property(document, ({ ipv4, ipv6, nft, options }) => {
        if (ipv4 === null && ipv6 === null) return;
        const members = (['ipv4', 'ipv6'] as const).flatMap((name) => {
          const sample = name === 'ipv4' ? ipv4 : ipv6;
          if (sample === null) return [];
          const prefix = makePrefix(addressFromBigInt(sample.value, name), sample.network);
          const length = Math.min(sample.network + sample.extra, name === 'ipv4' ? 30 : 126);
          const at = name === 'ipv4' ? '' : 'IPv6';
          return [
            [`${at}Network`, prefix],
            [`${at}SubnetLen`, length],
            [`${at}SubnetMin`, networkAddress(subnetAt(networkAddress(prefix), length, 2))],
          ];
        });
        const conf = parseNetConf(
          JSON.stringify({
            EnableIPv4: ipv4 !== null,
            EnableIPv6: ipv6 !== null,
            EnableNFTables: nft,
            ...Object.fromEntries(members),
            Backend: { ...options, Type: 'vxlan' },
          }),
        );
        const text = formatNetConf(conf);
        expect(parseNetConf(text)).toEqual({ ...conf, warnings: [] });
        expect(formatNetConf(parseNetConf(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
