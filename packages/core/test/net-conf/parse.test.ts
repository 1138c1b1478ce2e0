import { describe, expect, test } from '@jest/globals';
import { parseNetConf } from '../../dist/net-conf/index.js';

const BACKEND = '"Backend":{"Type":"vxlan"}';
const ABSENT_BACKEND =
  'net-conf.json: Backend: absent, taking vxlan; flanneld\'s code would take udp: write "Backend": {"Type": "vxlan"} to have it everywhere';

/** A document of these members and a backend. */
function conf(members: string): ReturnType<typeof parseNetConf> {
  return parseNetConf(`{${members},${BACKEND}}`);
}

describe('the defaults and ranges of flannel', () => {
  test.each([
    ['10.3.0.0/16', 24, '10.3.1.0', '10.3.255.0'],
    ['10.3.0.0/28', 30, '10.3.0.4', '10.3.0.12'],
    ['10.3.0.0/22', 24, '10.3.1.0', '10.3.3.0'],
    ['10.3.0.0/23', 25, '10.3.0.128', '10.3.1.128'],
    ['10.0.0.0/8', 24, '10.0.1.0', '10.255.255.0'],
    ['128.0.0.0/1', 24, '128.0.1.0', '255.255.255.0'],
  ])('Network %s', (network, subnetLen, subnetMin, subnetMax) => {
    expect(conf(`"Network":"${network}"`)).toEqual({
      ipv4: { network, subnetLen, subnetMin, subnetMax },
      enableNFTables: false,
      backend: { type: 'vxlan', options: {} },
      warnings: [],
    });
  });

  test.each([
    ['2001:cafe:42::/56', 64, '2001:cafe:42:1::', '2001:cafe:42:ff::'],
    ['fc00::/62', 64, 'fc00:0:0:1::', 'fc00:0:0:3::'],
    ['fc00::/63', 65, 'fc00::8000:0:0:0', 'fc00:0:0:1:8000::'],
    ['fc00::/124', 126, 'fc00::4', 'fc00::c'],
    ['8000::/1', 64, '8000:0:0:1::', 'ffff:ffff:ffff:ffff::'],
  ])('IPv6Network %s', (network, subnetLen, subnetMin, subnetMax) => {
    expect(conf(`"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"${network}"`)).toEqual({
      ipv6: { network, subnetLen, subnetMin, subnetMax },
      enableNFTables: false,
      backend: { type: 'vxlan', options: {} },
      warnings: [],
    });
  });

  test('both families, everything given', () => {
    const text = JSON.stringify({
      EnableNFTables: true,
      EnableIPv6: true,
      Network: '10.3.0.0/16',
      SubnetLen: 20,
      SubnetMin: '10.3.16.0',
      SubnetMax: '10.3.224.0',
      IPv6Network: 'fd00:42::/48',
      IPv6SubnetLen: 60,
      IPv6SubnetMin: 'fd00:42:0:10::',
      IPv6SubnetMax: 'fd00:42:0:ff0::',
      Backend: { Type: 'VXLAN', VNI: 7, Extra: { a: [1, null] } },
    });
    expect(parseNetConf(text)).toEqual({
      ipv4: { network: '10.3.0.0/16', subnetLen: 20, subnetMin: '10.3.16.0', subnetMax: '10.3.224.0' },
      ipv6: { network: 'fd00:42::/48', subnetLen: 60, subnetMin: 'fd00:42:0:10::', subnetMax: 'fd00:42:0:ff0::' },
      enableNFTables: true,
      backend: { type: 'vxlan', options: { VNI: 7, Extra: { a: [1, null] } } },
      warnings: [],
    });
  });

  test('the first subnet may be given explicitly, and one subnet may be the whole range', () => {
    const { ipv4 } = conf('"Network":"10.3.0.0/16","SubnetMin":"10.3.0.0","SubnetMax":"10.3.0.0"');
    expect(ipv4).toMatchObject({ subnetMin: '10.3.0.0', subnetMax: '10.3.0.0' });
  });

  test('zeros mean the default, and null leaves a switch as it is', () => {
    expect(
      conf('"Network":"10.3.0.0/16","SubnetLen":0,"SubnetMin":"0.0.0.0","SubnetMax":"0.0.0.0","EnableIPv4":null'),
    ).toEqual(conf('"Network":"10.3.0.0/16"'));
    expect(conf('"Network":"10.3.0.0/16","SubnetLen":null,"EnableIPv6":null,"EnableNFTables":null')).toEqual(
      conf('"Network":"10.3.0.0/16"'),
    );
    const six = '"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/56"';
    expect(conf(`${six},"IPv6SubnetLen":0,"IPv6SubnetMin":"::","IPv6SubnetMax":"0::0"`)).toEqual(conf(six));
  });

  test('host bits of a network are cleared, and told', () => {
    const { ipv4, warnings } = conf('"Network":"10.3.5.7/16"');
    expect(ipv4?.network).toBe('10.3.0.0/16');
    expect(warnings).toEqual(['net-conf.json: Network: host bits ignored: 10.3.5.7/16 is taken as 10.3.0.0/16']);
    const six = conf('"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"FD00::1/56"');
    expect(six.ipv6?.network).toBe('fd00::/56');
    expect(six.warnings).toEqual(['net-conf.json: IPv6Network: host bits ignored: FD00::1/56 is taken as fd00::/56']);
  });
});

describe('keys as Go finds them', () => {
  test('in any case, the Kelvin sign and the long s included', () => {
    const { ipv4, enableNFTables, backend, warnings } = parseNetConf(
      '{"networ\u212a":"10.3.0.0/16","\u017fUBNETLEN":25,"enablenftables":true,"bacKend":{"tYPE":"Host-GW"}}',
    );
    expect(ipv4).toMatchObject({ network: '10.3.0.0/16', subnetLen: 25 });
    expect(enableNFTables).toBe(true);
    expect(backend).toEqual({ type: 'host-gw', options: {} });
    expect(warnings).toEqual([]);
  });

  test('the last of equal keys counts, also if the first is spelled the same', () => {
    const text = '"Network":"10.1.0.0/16","network":"10.2.0.0/16","Network":"10.3.0.0/16"';
    expect(conf(text).ipv4?.network).toBe('10.3.0.0/16');
    expect(conf('"Network":"10.3.0.0/16","EnableIPv6":false,"EnableIPv4":true,"EnableIPv4":null').ipv4).toBeDefined();
    expect(parseNetConf('{"Network":"10.3.0.0/16","Backend":null,"Backend":{"Type":"udp"}}').backend.type).toBe('udp');
  });

  test('the same inside Backend', () => {
    const { backend } = parseNetConf(
      '{"Network":"10.3.0.0/16","Backend":{"VNI":1,"Type":"udp","vni":2,"type":"vxlan","VNI":3,"TYPE":null,"vni":null}}',
    );
    expect(backend).toEqual({ type: 'vxlan', options: { VNI: 3 } });
  });

  test('a member __proto__ is a member', () => {
    const { backend } = parseNetConf('{"Network":"10.3.0.0/16","Backend":{"Type":"vxlan","__proto__":{"VNI":9}}}');
    expect(Object.keys(backend.options)).toEqual(['__proto__']);
    expect(backend.options['VNI']).toBeUndefined();
  });
});

describe('warnings', () => {
  test('an absent Backend', () => {
    const { backend, warnings } = parseNetConf('{"Network":"10.3.0.0/16"}');
    expect(backend).toEqual({ type: 'vxlan', options: {} });
    expect(warnings).toEqual([ABSENT_BACKEND]);
  });

  test.each([
    ['"SubnetLenn":25', 'SubnetLenn: unknown key, ignored; did you mean SubnetLen?'],
    ['"subnet_min":"x"', 'subnet_min: unknown key, ignored; did you mean SubnetMin?'],
    ['"EnableNFTable":true', 'EnableNFTable: unknown key, ignored; did you mean EnableNFTables?'],
    ['"Netwrok":"10.0.0.0/8"', 'Netwrok: unknown key, ignored; did you mean Network?'],
    ['"IPv6Netwok":"fd00::/56"', 'IPv6Netwok: unknown key, ignored; did you mean IPv6Network?'],
    ['"vni":4', 'vni: unknown key, ignored; did you mean Backend.VNI?'],
    ['"Type":"vxlan"', 'Type: unknown key, ignored; did you mean Backend.Type?'],
    ['"cniVersion":"1.0.0"', 'cniVersion: unknown key, ignored'],
    ['"a\\nb":1', '"a\\nb": unknown key, ignored'],
    ['"":1', '"": unknown key, ignored'],
    ['"IPv6Network":"fd00::/56"', 'IPv6Network: has no effect, because EnableIPv6 is false'],
    ['"IPv6SubnetLen":64', 'IPv6SubnetLen: has no effect, because EnableIPv6 is false'],
  ])('%s', (member, warning) => {
    const { warnings } = conf(`"Network":"10.3.0.0/16",${member}`);
    expect(warnings).toEqual([`net-conf.json: ${warning}`]);
  });

  test('the hint where an editor finds the schema is none', () => {
    expect(conf('"$schema":"./net-conf.schema.json","Network":"10.3.0.0/16"').warnings).toEqual([]);
  });

  test('they name the source', () => {
    const { warnings } = parseNetConf(`{"Network":"10.3.0.0/16","x":1,${BACKEND}}`, { source: '/etc/n.json' });
    expect(warnings).toEqual(['/etc/n.json: x: unknown key, ignored']);
  });
});
