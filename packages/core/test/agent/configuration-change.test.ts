import { describe, expect, test } from '@jest/globals';
import { parsePrefix } from '@overlay/core';
import { compareConfigurations, sameConfiguration } from '../../dist/agent/configuration-change.js';
import { conf } from './support/world.js';

const own = { ipv4: parsePrefix('10.244.9.0/24') };
const dual = { EnableIPv6: true, IPv6Network: 'fd00:42::/56' };
const fake = (options: Record<string, unknown>) => ({ Backend: { Type: 'fake', ...options } });

describe('comparing configurations', () => {
  test.each([
    ['nothing', {}, {}, 'none', []],
    ['options in another case and order', fake({ VNI: 1, Port: 2 }), fake({ port: 2, vni: 1 }), 'none', []],
    [
      'a wider network',
      { SubnetMin: '10.244.1.0' },
      { Network: '10.0.0.0/8', SubnetMin: '10.244.1.0', SubnetMax: '10.244.255.0' },
      'live',
      ['IPv4 network 10.244.0.0/16 becomes 10.0.0.0/8'],
    ],
    [
      'bounds between which our subnet lies',
      {},
      { SubnetMin: '10.244.8.0', SubnetMax: '10.244.10.0' },
      'live',
      ['IPv4 subnetMin 10.244.1.0 becomes 10.244.8.0, subnetMax 10.244.255.0 becomes 10.244.10.0'],
    ],
    ['nftables', {}, { EnableNFTables: true }, 'live', ['EnableNFTables becomes true']],
    [
      'bounds that leave our subnet out',
      {},
      { SubnetMin: '10.244.10.0' },
      'moving',
      ['IPv4 subnets of new shape, which our 10.244.9.0/24 has not'],
    ],
    [
      'another length of subnets',
      {},
      { SubnetLen: 25 },
      'moving',
      ['IPv4 subnets of new shape, which our 10.244.9.0/24 has not'],
    ],
    [
      'a narrower network, although ours is in it: peers may not be',
      {},
      { Network: '10.244.0.0/17', SubnetMax: '10.244.127.0' },
      'moving',
      ['IPv4 network 10.244.0.0/16 becomes 10.244.0.0/17', 'IPv4 subnetMax 10.244.255.0 becomes 10.244.127.0'],
    ],
    [
      'a network elsewhere',
      {},
      { Network: '10.99.0.0/16' },
      'moving',
      [
        'IPv4 network 10.244.0.0/16 becomes 10.99.0.0/16, without our 10.244.9.0/24',
        'IPv4 subnets of new shape, which our 10.244.9.0/24 has not',
      ],
    ],
    ['a family switched on', {}, dual, 'moving', ['IPv6 is switched on']],
    ['a family switched off', dual, {}, 'moving', ['IPv6 is switched off']],
    ['the type', {}, { Backend: { Type: 'other', VNI: 4 } }, 'moving', ['Backend.Type fake becomes other']],
    ['an option', fake({ VNI: 1 }), fake({ VNI: 2 }), 'moving', ['Backend.VNI 1 becomes 2']],
    [
      'an option given',
      fake({}),
      fake({ DirectRouting: true }),
      'moving',
      ['Backend.DirectRouting (default) becomes true'],
    ],
    ['a secret', fake({ PSK: 'hunter2' }), fake({ PSK: 'hunter3' }), 'moving', ['Backend.PSK (text) becomes (text)']],
  ] as const)('%s', (_, before, after, kind, changes) => {
    const change = compareConfigurations(conf(before), conf(after), own);
    expect(change.kind).toBe(kind);
    expect(change.kind === 'none' ? [] : change.changes).toEqual(changes);
    expect(sameConfiguration(conf(before), conf(after))).toBe(kind === 'none');
  });

  test.each([
    ['an option that the backend takes live', fake({ MTU: 1400 }), 'live', true],
    ['it together with one that it does not', fake({ MTU: 1400, VNI: 2 }), 'moving', undefined],
    ['a wider network', { Network: '10.0.0.0/8', SubnetMin: '10.244.1.0', SubnetMax: '10.244.255.0' }, 'live', true],
    ['bounds', { SubnetMin: '10.244.2.0' }, 'live', false],
  ] as const)('%s has the network opened again, or not', (_, after, kind, reopens) => {
    const change = compareConfigurations(conf(), conf(after), own, ['mtu']);
    expect(change.kind).toBe(kind);
    expect(change.kind === 'live' ? change.reopens : undefined).toBe(reopens);
  });

  test('warnings alone are taken, without a word', () => {
    const change = compareConfigurations(conf(), { ...conf(), warnings: ['unknown key "Netwrok"'] }, own);
    expect(change).toEqual({ kind: 'live', changes: [], reopens: false });
  });
});
