import { describe, expect, test } from '@jest/globals';
import { droppingForwardChains } from '../../dist/preflight/nft-chains.js';

const chain = (fields: object): object => ({
  chain: {
    family: 'ip',
    table: 'filter',
    name: 'FORWARD',
    handle: 1,
    type: 'filter',
    hook: 'forward',
    prio: 0,
    ...fields,
  },
});
const listing = (...chains: object[]): string =>
  JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6', json_schema_version: 1 } }, ...chains] });

describe('droppingForwardChains', () => {
  test.each([
    ['a policy of drop', [chain({ policy: 'drop' })], ['ip filter FORWARD']],
    ['a policy of accept', [chain({ policy: 'accept' })], []],
    ['another hook', [chain({ policy: 'drop', hook: 'input' })], []],
    ['no base chain', [{ chain: { family: 'ip', table: 'filter', name: 'DOCKER' } }], []],
    ['a family that is not used', [chain({ policy: 'drop', family: 'ip6' })], []],
    ['bridged packets', [chain({ policy: 'drop', family: 'bridge' })], []],
    ['both families', [chain({ policy: 'drop', family: 'inet', table: 'fw' })], ['inet fw FORWARD']],
    [
      'firewalld, once',
      [
        chain({ family: 'inet', table: 'firewalld', name: 'filter_FORWARD', policy: 'accept' }),
        chain({ family: 'inet', table: 'firewalld', name: 'mangle_FORWARD', policy: 'accept' }),
      ],
      ['inet firewalld filter_FORWARD'],
    ],
    ['what is no chain', [{ table: { family: 'ip', name: 'filter' } }, { chain: 7 }], []],
  ])('%s', (_, chains, expected) => {
    const found = droppingForwardChains(listing(...chains), ['ipv4']);
    expect(found.map(({ family, table, name }) => `${family} ${table} ${name}`)).toEqual(expected);
  });

  test('looks at IPv6 when that is used', () => {
    expect(droppingForwardChains(listing(chain({ policy: 'drop', family: 'ip6' })), ['ipv6'])).toHaveLength(1);
  });

  test.each(['', '{}', '[]', 'null', '{"nftables":{}}'])('%j is no listing', (text) => {
    expect(() => droppingForwardChains(text, ['ipv4'])).toThrow();
  });
});
