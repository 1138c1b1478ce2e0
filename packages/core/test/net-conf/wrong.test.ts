import { describe, expect, test } from '@jest/globals';
import { parseNetConf } from '../../dist/net-conf/index.js';

/** Text, key of the error, message after `net-conf.json: `. */
type Row = readonly [text: string, key: string | undefined, message: string];

const four = (members: string): string => `{"Network":"10.3.0.0/16",${members}}`;
const six = (members: string): string => `{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/56",${members}}`;
const long = 'x'.repeat(200);

const switches: readonly Row[] = [
  ['{"EnableIPv4":"true"}', 'EnableIPv4', 'EnableIPv4: expected true or false without quotes, got "true"'],
  ['{"EnableIPv4":"yes"}', 'EnableIPv4', 'EnableIPv4: expected true or false, got "yes"'],
  ['{"enableipv6":1}', 'EnableIPv6', 'EnableIPv6: expected true or false, got 1'],
  ['{"EnableNFTables":{}}', 'EnableNFTables', 'EnableNFTables: expected true or false, got {}'],
  [
    '{"EnableIPv4":false}',
    'EnableIPv4',
    'EnableIPv4: expected EnableIPv4 or EnableIPv6 to be true, got false for both',
  ],
  [
    '{"EnableIPv4":false,"EnableIPv6":false,"Network":"10.3.0.0/16"}',
    'EnableIPv4',
    'EnableIPv4: expected EnableIPv4 or EnableIPv6 to be true, got false for both',
  ],
];

const networks: readonly Row[] = [
  ['{}', 'Network', 'Network: expected an IPv4 prefix such as "10.244.0.0/16", or "EnableIPv4": false, got nothing'],
  [
    '{"EnableIPv6":true,"IPv6Network":"fd00::/56"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", or "EnableIPv4": false, got nothing',
  ],
  [
    '{"Network":"0.0.0.0/0"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", or "EnableIPv4": false, got "0.0.0.0/0"',
  ],
  ['{"Network":"fd00::/56"}', 'Network', 'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "fd00::/56"'],
  [
    '{"Network":"::ffff:10.3.0.0/112"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "::ffff:10.3.0.0/112"',
  ],
  ['{"Network":"10.3.0.0"}', 'Network', 'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "10.3.0.0"'],
  [
    '{"Network":"10.3.0.0/33"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "10.3.0.0/33"',
  ],
  [
    '{"Network":"10.03.0.0/16"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "10.03.0.0/16"',
  ],
  ['{"Network":""}', 'Network', 'Network: expected an IPv4 prefix such as "10.244.0.0/16", got ""'],
  ['{"Network":null}', 'Network', 'Network: expected an IPv4 prefix such as "10.244.0.0/16", got null'],
  ['{"Network":10}', 'Network', 'Network: expected an IPv4 prefix such as "10.244.0.0/16", got 10'],
  [
    '{"Network":["10.3.0.0/16"]}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", got ["10.3.0.0/16"]',
  ],
  [
    '{"Network":"10.3.0.0/16","network":"no"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "no"',
  ],
  [
    '{"Network":"no","Network":"10.3.0.0/16"}',
    'Network',
    'Network: expected an IPv4 prefix such as "10.244.0.0/16", got "no"',
  ],
  [
    `{"Network":"${long}"}`,
    'Network',
    `Network: expected an IPv4 prefix such as "10.244.0.0/16", got "${long.slice(0, 78)}…`,
  ],
  [
    '{"Network":"10.3.0.0/29"}',
    'Network',
    'Network: expected a prefix of at most 28 bits, with room for four subnets of /30, got "10.3.0.0/29"',
  ],
  [
    '{"Network":"10.3.0.1/32","SubnetLen":30}',
    'Network',
    'Network: expected a prefix of at most 28 bits, with room for four subnets of /30, got "10.3.0.1/32"',
  ],
  [
    '{"EnableIPv4":false,"EnableIPv6":true}',
    'IPv6Network',
    'IPv6Network: expected an IPv6 prefix such as "fd00:42::/56" because EnableIPv6 is true, got nothing',
  ],
  [
    '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"::/0"}',
    'IPv6Network',
    'IPv6Network: expected an IPv6 prefix such as "fd00:42::/56" because EnableIPv6 is true, got "::/0"',
  ],
  [
    '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"10.3.0.0/16"}',
    'IPv6Network',
    'IPv6Network: expected an IPv6 prefix such as "fd00:42::/56", got "10.3.0.0/16"',
  ],
  [
    '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/125"}',
    'IPv6Network',
    'IPv6Network: expected a prefix of at most 124 bits, with room for four subnets of /126, got "fd00::/125"',
  ],
  [
    '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"::ffff:10.3.0.0/112"}',
    'IPv6Network',
    'IPv6Network: expected a prefix that is not IPv4-mapped, got "::ffff:10.3.0.0/112"',
  ],
  [
    '{"Network":"10.3.0.0/16","IPv6Network":"nonsense"}',
    'IPv6Network',
    'IPv6Network: expected an IPv6 prefix such as "fd00:42::/56", got "nonsense"',
  ],
];

const lengths: readonly Row[] = [
  [four('"SubnetLen":16'), 'SubnetLen', 'SubnetLen: expected an integer from 18 to 30 for Network 10.3.0.0/16, got 16'],
  [four('"SubnetLen":17'), 'SubnetLen', 'SubnetLen: expected an integer from 18 to 30 for Network 10.3.0.0/16, got 17'],
  [four('"subnetLEN":31'), 'SubnetLen', 'SubnetLen: expected an integer from 18 to 30 for Network 10.3.0.0/16, got 31'],
  [
    '{"Network":"10.3.0.0/28","SubnetLen":29}',
    'SubnetLen',
    'SubnetLen: expected the integer 30 for Network 10.3.0.0/28, got 29',
  ],
  [four('"SubnetLen":"24"'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0 without quotes, got "24"'],
  [four('"SubnetLen":"/24"'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got "/24"'],
  [four('"SubnetLen":-24'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got -24'],
  [four('"SubnetLen":-0'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got -0'],
  [four('"SubnetLen":24.5'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got 24.5'],
  [four('"SubnetLen":24.0'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got 24.0'],
  [four('"SubnetLen":2.4e1'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got 2.4e1'],
  [four('"SubnetLen":true'), 'SubnetLen', 'SubnetLen: expected an integer of at least 0, got true'],
  [
    six('"IPv6SubnetLen":57'),
    'IPv6SubnetLen',
    'IPv6SubnetLen: expected an integer from 58 to 126 for IPv6Network fd00::/56, got 57',
  ],
  [
    six('"IPv6SubnetLen":127'),
    'IPv6SubnetLen',
    'IPv6SubnetLen: expected an integer from 58 to 126 for IPv6Network fd00::/56, got 127',
  ],
  [
    six('"IPv6SubnetLen":18446744073709551616'),
    'IPv6SubnetLen',
    'IPv6SubnetLen: expected a prefix length, got 18446744073709551616',
  ],
];

const bounds: readonly Row[] = [
  [four('"SubnetMin":""'), 'SubnetMin', 'SubnetMin: expected an IPv4 address such as "10.244.1.0", got ""'],
  [four('"SubnetMin":null'), 'SubnetMin', 'SubnetMin: expected an IPv4 address such as "10.244.1.0", got null'],
  [four('"SubnetMax":170000'), 'SubnetMax', 'SubnetMax: expected an IPv4 address such as "10.244.1.0", got 170000'],
  [
    four('"SubnetMax":"10.3.9.0/24"'),
    'SubnetMax',
    'SubnetMax: expected an IPv4 address such as "10.244.1.0", got "10.3.9.0/24"',
  ],
  [four('"SubnetMin":"fd00::"'), 'SubnetMin', 'SubnetMin: expected an IPv4 address such as "10.244.1.0", got "fd00::"'],
  [
    four('"SubnetMin":"10.4.0.0"'),
    'SubnetMin',
    'SubnetMin: expected an address inside Network 10.3.0.0/16, got "10.4.0.0"',
  ],
  [
    four('"SubnetMax":"10.2.255.0"'),
    'SubnetMax',
    'SubnetMax: expected an address inside Network 10.3.0.0/16, got "10.2.255.0"',
  ],
  [
    four('"SubnetMin":"10.3.1.5"'),
    'SubnetMin',
    'SubnetMin: expected the first address of a /24, such as 10.3.1.0, got "10.3.1.5"',
  ],
  [
    four('"SubnetMax":"10.3.255.255"'),
    'SubnetMax',
    'SubnetMax: expected the first address of a /24, such as 10.3.255.0, got "10.3.255.255"',
  ],
  [
    four('"SubnetMin":"10.3.200.0","SubnetMax":"10.3.10.0"'),
    'SubnetMax',
    'SubnetMax: expected an address not below SubnetMin 10.3.200.0, got "10.3.10.0"',
  ],
  [
    four('"SubnetMax":"10.3.0.0"'),
    'SubnetMax',
    'SubnetMax: expected an address not below SubnetMin 10.3.1.0, got "10.3.0.0"',
  ],
  [
    six('"IPv6SubnetMin":null'),
    'IPv6SubnetMin',
    'IPv6SubnetMin: expected an IPv6 address such as "fd00:42:0:1::", got null',
  ],
  [
    six('"IPv6SubnetMin":"10.3.1.0"'),
    'IPv6SubnetMin',
    'IPv6SubnetMin: expected an IPv6 address such as "fd00:42:0:1::", got "10.3.1.0"',
  ],
  [
    six('"IPv6SubnetMin":"fd01::"'),
    'IPv6SubnetMin',
    'IPv6SubnetMin: expected an address inside IPv6Network fd00::/56, got "fd01::"',
  ],
  [
    six('"IPv6SubnetMax":"fd00:0:0:ff::1"'),
    'IPv6SubnetMax',
    'IPv6SubnetMax: expected the first address of a /64, such as fd00:0:0:ff::, got "fd00:0:0:ff::1"',
  ],
  [
    six('"IPv6SubnetMin":"fd00:0:0:20::","IPv6SubnetMax":"fd00:0:0:10::"'),
    'IPv6SubnetMax',
    'IPv6SubnetMax: expected an address not below IPv6SubnetMin fd00:0:0:20::, got "fd00:0:0:10::"',
  ],
];

const backends: readonly Row[] = [
  [four('"Backend":null'), 'Backend', 'Backend: expected an object such as {"Type": "vxlan"}, got null'],
  [four('"Backend":"vxlan"'), 'Backend', 'Backend: expected an object such as {"Type": "vxlan"}, got "vxlan"'],
  [four('"Backend":5'), 'Backend', 'Backend: expected an object such as {"Type": "vxlan"}, got 5'],
  [
    four('"Backend":"{\\"Type\\":\\"ipsec\\",\\"PSK\\":\\"hush\\"}"'),
    'Backend',
    'Backend: expected an object such as {"Type": "vxlan"}, got a string',
  ],
  [
    four('"Backend":[{"PSK":"hush"}]'),
    'Backend',
    'Backend: expected an object such as {"Type": "vxlan"}, got an array',
  ],
  [four('"Backend":{}'), 'Backend.Type', 'Backend.Type: expected the name of a backend such as "vxlan", got nothing'],
  [
    four('"Backend":{"VNI":1}'),
    'Backend.Type',
    'Backend.Type: expected the name of a backend such as "vxlan", got nothing',
  ],
  [
    four('"Backend":{"Type":null}'),
    'Backend.Type',
    'Backend.Type: expected the name of a backend such as "vxlan", got nothing',
  ],
  [
    four('"Backend":{"Type":""}'),
    'Backend.Type',
    'Backend.Type: expected the name of a backend such as "vxlan", got ""',
  ],
  [four('"Backend":{"type":5}'), 'Backend.Type', 'Backend.Type: expected the name of a backend such as "vxlan", got 5'],
  [
    four('"Backend":{"Type":"../evil"}'),
    'Backend.Type',
    'Backend.Type: expected the name of a backend such as "vxlan", got "../evil"',
  ],
  [
    four('"Backend":{"Type":" vxlan"}'),
    'Backend.Type',
    'Backend.Type: expected the name of a backend such as "vxlan", got " vxlan"',
  ],
];

const texts: readonly Row[] = [
  ['', undefined, 'line 1, column 1: expected a JSON object, got the end of the text'],
  [' \n ', undefined, 'line 2, column 2: expected a JSON object, got the end of the text'],
  ['null', undefined, 'expected an object such as {"Network": "10.244.0.0/16"}, got null'],
  ['[]', undefined, 'expected an object such as {"Network": "10.244.0.0/16"}, got []'],
  ['"10.3.0.0/16"', undefined, 'expected an object such as {"Network": "10.244.0.0/16"}, got "10.3.0.0/16"'],
  ['\ufeff{}', undefined, 'line 1, column 1: expected a JSON object, got "\\ufeff": remove the byte order mark'],
  ['{} x', undefined, 'line 1, column 4: expected the end of the text after the configuration, got "x"'],
  ['{}\n{}', undefined, 'line 2, column 1: expected the end of the text after the configuration, got "{"'],
  ['{', undefined, 'line 1, column 2: expected a key in double quotes, got the end of the text'],
  ['{Network:1}', undefined, 'line 1, column 2: expected a key in double quotes, got "N"'],
  ["{'Network':1}", undefined, 'line 1, column 2: expected a key in double quotes, got "\'": use double quotes'],
  ['{// x\n}', undefined, 'line 1, column 2: expected a key in double quotes, got "/": JSON has no comments'],
  [
    '{"EnableIPv4":true,}',
    undefined,
    'line 1, column 20: expected a key in double quotes, got "}": remove the comma before it',
  ],
  ['{"Network" "10.3.0.0/16"}', 'Network', 'line 1, column 12, in Network: expected ":" after the key, got "\\""'],
  ['{"SubnetLen":}', 'SubnetLen', 'line 1, column 14, in SubnetLen: expected a value, got "}"'],
  ['{"EnableIPv4":True}', 'EnableIPv4', 'line 1, column 15, in EnableIPv4: expected a value, got "T"'],
  ['{"EnableIPv4":trueish}', 'EnableIPv4', 'line 1, column 15, in EnableIPv4: expected a value, got "t"'],
  [
    '{\n  "Network": "10.3.0.0/16"\n  "SubnetLen": 24\n}',
    'Network',
    'line 3, column 3, in Network: expected "," or "}" after the value, got "\\""',
  ],
  [
    '{"Network":"10.3.0.0/16","Backend":{"Type":"vxlan","VNI":1',
    'Backend.VNI',
    'line 1, column 59, in Backend.VNI: expected "," or "}" after the value, got the end of the text',
  ],
  [
    '{"Backend":{"PSK" "hush"}}',
    'Backend.PSK',
    'line 1, column 19, in Backend.PSK: expected ":" after the key, got "\\""',
  ],
  [
    '{"a b":[1,2,]}',
    '"a b"[2]',
    'line 1, column 13, in "a b"[2]: expected a value, got "]": remove the comma before it',
  ],
  ['{"a":[1 2]}', 'a[0]', 'line 1, column 9, in a[0]: expected "," or "]" after the value, got "2"'],
  [
    '{"Network":"10.3.0.0/16',
    'Network',
    'line 1, column 24, in Network: expected a double quote that ends the string, got the end of the text',
  ],
  [
    '{"Network":"10.3\n.0.0/16"}',
    'Network',
    'line 1, column 17, in Network: expected a double quote that ends the string, or an escape such as \\n, got "\\n"',
  ],
  [
    '{"Network":"\\x"}',
    'Network',
    'line 1, column 14, in Network: expected one of "\\/bfnrt or u and four hexadecimal digits after a backslash, got "x"',
  ],
  [
    '{"SubnetLen":024}',
    'SubnetLen',
    'line 1, column 15, in SubnetLen: expected the end of the number, as JSON writes numbers, got "2"',
  ],
  [
    '{"SubnetLen":24.}',
    'SubnetLen',
    'line 1, column 16, in SubnetLen: expected the end of the number, as JSON writes numbers, got "."',
  ],
  ['{"SubnetLen":-}', 'SubnetLen', 'line 1, column 15, in SubnetLen: expected a digit after "-", got "}"'],
  ['{"SubnetLen":+24}', 'SubnetLen', 'line 1, column 14, in SubnetLen: expected a value, got "+"'],
  [
    '{"SubnetLen":1e999}',
    'SubnetLen',
    'line 1, column 14, in SubnetLen: expected a number that a 64-bit float can hold, got "1"',
  ],
  [
    `{"a":${'['.repeat(100_000)}`,
    'a[0][0][0][0][0][0][0][0][0]',
    'line 1, column 106, in a[0][0][0][0][0][0][0][0][0]: expected at most 100 levels of nesting, got "["',
  ],
];

describe.each([
  ['switches', switches],
  ['networks', networks],
  ['subnet lengths', lengths],
  ['first and last subnet', bounds],
  ['backends', backends],
  ['texts that are no configuration', texts],
] as const)('%s', (_, rows) => {
  test.each(rows.map(([text, key, message]) => ({ text: text.slice(0, 100), whole: text, key, message })))(
    '$text',
    ({ whole, key, message }) => {
      const error = errorOf(() => parseNetConf(whole));
      expect({ ...error }).toEqual({
        name: 'OverlayError',
        code: 'OVERLAY_CONFIG_INVALID',
        ...(key !== undefined && { key }),
      });
      expect(error.message).toBe(`net-conf.json: ${message}`);
      expect(error.message).not.toMatch(/\n|hush/);
    },
  );
});

test('the source is named as the caller wants it', () => {
  expect(() => parseNetConf('{}', { source: '/coreos.com/network/config' })).toThrow(
    /^\/coreos\.com\/network\/config: Network: expected /,
  );
});

function errorOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
