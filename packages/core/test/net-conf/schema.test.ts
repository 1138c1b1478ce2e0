import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { formatNetConf, parseNetConf } from '../../dist/net-conf/index.js';

interface Definition {
  readonly description?: string;
  readonly default?: unknown;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Definition | true>>;
}

const schema = JSON.parse(
  readFileSync(new URL('../../schema/net-conf.schema.json', import.meta.url), 'utf8'),
) as Definition & { readonly $defs: Readonly<Record<string, Definition>> };
const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(schema);

const psk = 'k'.repeat(96);
const vxlan = { Backend: { Type: 'vxlan' } };
const four = { Network: '10.3.0.0/16', ...vxlan };
const six = { EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fd00:42::/56', ...vxlan };
const backend = (value: unknown): object => ({ Network: '10.3.0.0/16', Backend: value });

const good: readonly object[] = [
  { Network: '10.3.0.0/16' },
  { $schema: 'x', ...four },
  { ...four, EnableIPv4: null, EnableIPv6: false, EnableNFTables: true, SubnetLen: 24 },
  { ...four, SubnetMin: '10.3.1.0', SubnetMax: '10.3.255.0', SubnetLen: 0 },
  six,
  { ...six, IPv6SubnetLen: 64, IPv6SubnetMin: 'fd00:42:0:1::', IPv6SubnetMax: 'FD00:42:0:ff::' },
  { ...four, EnableIPv6: true, IPv6Network: 'fd00:42::/56' },
  backend({ Type: 'VXLAN', VNI: 16777215, Port: 0, MTU: 1500, GBP: true, Learning: true, DirectRouting: true }),
  backend({ Type: 'Host-GW' }),
  backend({ Type: 'udp', Port: 8285 }),
  backend({ Type: 'ipip', DirectRouting: true }),
  backend({
    Type: 'wireguard',
    ListenPort: 1,
    ListenPortV6: 2,
    MTU: 1420,
    PSK: 'x',
    PersistentKeepaliveInterval: 25,
    Mode: 'auto',
  }),
  backend({
    Type: 'extension',
    PreStartupCommand: 'a',
    PostStartupCommand: 'b',
    SubnetAddCommand: 'c',
    SubnetRemoveCommand: 'd',
  }),
  backend({ Type: 'alloc' }),
  backend({ Type: 'ipsec', PSK: psk, UDPEncap: true, ESPProposal: 'x' }),
  backend({ Type: 'somebody-elses', Anything: [1] }),
];

/** What an editor is to mark. `parser` tells what the parser makes of it: an error, or only a warning. */
const bad: readonly (readonly [document: unknown, parser: 'error' | 'warning' | 'backend'])[] = [
  [{}, 'error'],
  [[], 'error'],
  [{ ...vxlan }, 'error'],
  [{ ...four, EnableIPv4: 'true' }, 'error'],
  [{ ...four, EnableIPv4: false }, 'error'],
  [{ ...four, EnableIPv6: true }, 'error'],
  [{ ...four, Network: 10 }, 'error'],
  [{ ...four, Network: null }, 'error'],
  [{ ...four, Network: '10.3.0.0' }, 'error'],
  [{ ...four, Network: '10.3.0.0/33' }, 'error'],
  [{ ...four, Network: '10.3.0.256/16' }, 'error'],
  [{ ...four, Network: '010.3.0.0/16' }, 'error'],
  [{ ...four, Network: '10.3.0.0./16' }, 'error'],
  [{ ...four, Network: 'fd00::/56' }, 'error'],
  [{ ...four, SubnetLen: '24' }, 'error'],
  [{ ...four, SubnetLen: 31 }, 'error'],
  [{ ...four, SubnetLen: 1 }, 'error'],
  [{ ...four, SubnetLen: 24.5 }, 'error'],
  [{ ...four, SubnetMin: '' }, 'error'],
  [{ ...four, SubnetMin: null }, 'error'],
  [{ ...four, SubnetMin: '10.3.1' }, 'error'],
  [{ ...four, SubnetMin: '10.3.1.0.' }, 'error'],
  [{ ...four, SubnetMax: '10.3.1.0/24' }, 'error'],
  [{ ...six, IPv6Network: '10.3.0.0/16' }, 'error'],
  [{ ...six, IPv6Network: 'fd00::/129' }, 'error'],
  [{ ...six, IPv6SubnetLen: 127 }, 'error'],
  [{ ...six, IPv6SubnetMin: '10.3.0.0' }, 'error'],
  [backend(null), 'error'],
  [backend('vxlan'), 'error'],
  [backend({}), 'error'],
  [backend({ Type: '' }), 'error'],
  [backend({ Type: 5 }), 'error'],
  [backend({ Type: '../x' }), 'error'],
  [{ ...four, SubnetLenn: 24 }, 'warning'],
  [backend({ Type: 'vxlan', VNI: 0 }), 'backend'],
  [backend({ Type: 'vXlan', VNI: '1' }), 'backend'],
  [backend({ Type: 'vxlan', Vnl: 1 }), 'backend'],
  [backend({ Type: 'vxlan', Port: 65536 }), 'backend'],
  [backend({ Type: 'host-gw', Port: 1 }), 'backend'],
  [backend({ Type: 'udp', Port: 0 }), 'backend'],
  [backend({ Type: 'ipip', MTU: 1400 }), 'backend'],
  [backend({ Type: 'wireguard', Mode: 'Auto' }), 'backend'],
  [backend({ Type: 'extension', SubnetAddCommand: ['a'] }), 'backend'],
  [backend({ Type: 'alloc', VNI: 1 }), 'backend'],
  [backend({ Type: 'ipsec' }), 'backend'],
  [backend({ Type: 'ipsec', PSK: psk.slice(1) }), 'backend'],
];

describe('net-conf.schema.json', () => {
  test.each(good.map((document) => [JSON.stringify(document), document] as const))('accepts %s', (text, document) => {
    expect(validate(document) || validate.errors).toBe(true);
    // What an editor finds right, the parser reads.
    expect(parseNetConf(text).warnings.filter((warning) => !warning.includes('Backend: absent'))).toEqual([]);
  });

  test.each(bad.map(([document, parser]) => [JSON.stringify(document), parser, document] as const))(
    'refuses %s, for the parser: %s',
    (text, parser, document) => {
      expect(validate(document)).toBe(false);
      if (parser === 'error') expect(() => parseNetConf(text)).toThrow();
      else expect(parseNetConf(text).warnings).toHaveLength(parser === 'warning' ? 1 : 0);
    },
  );

  test('knows exactly the keys that the parser knows', () => {
    const keys = Object.keys(schema.properties ?? {}).filter((key) => key !== '$schema');
    const everything = parseNetConf(JSON.stringify({ ...four, ...six, EnableIPv4: true }));
    expect(Object.keys(JSON.parse(formatNetConf(everything)) as object).sort()).toEqual([...keys].sort());
    for (const key of keys) {
      // Any value will do: a key that the parser knows is judged, one that it does not know is passed over.
      expect(() => parseNetConf(JSON.stringify({ ...four, [key]: [] }))).toThrow(expect.objectContaining({ key }));
    }
  });

  test('has a description for every key and option', () => {
    const undescribed = [schema, ...Object.values(schema.$defs)].flatMap((definition) =>
      Object.entries(definition.properties ?? {}).filter(([name, property]) => {
        if (name === 'Type' && property === true) return false;
        const own = property as Definition;
        return (own.description ?? schema.$defs[own.$ref?.split('/').at(-1) ?? '']?.description) === undefined;
      }),
    );
    expect(undescribed).toEqual([]);
  });

  test('each default is what the parser does without the key', () => {
    const documents = [four, six, { ...four, ...six, EnableIPv4: true }] as const;
    const defaults = Object.entries(schema.properties ?? {}).flatMap(([key, property]) =>
      property !== true && property.default !== undefined ? [[key, property.default] as const] : [],
    );
    expect(defaults.map(([key]) => key)).toEqual([
      ...['EnableIPv4', 'EnableIPv6', 'EnableNFTables', 'SubnetLen', 'SubnetMin', 'SubnetMax'],
      ...['IPv6SubnetLen', 'IPv6SubnetMin', 'IPv6SubnetMax', 'Backend'],
    ]);
    for (const [key, value] of defaults) {
      for (const document of documents) {
        // A document that needs the switch the other way says nothing about its default.
        if (key.startsWith('EnableIPv') && key in document && (document as never)[key] !== value) continue;
        const { [key]: _, ...without } = document as Record<string, unknown>;
        const given = parseNetConf(JSON.stringify({ ...without, [key]: value }));
        const absent = parseNetConf(JSON.stringify(without));
        expect({ ...given, warnings: [] }).toEqual({ ...absent, warnings: [] });
      }
    }
  });

  test("each backend's defaults are flannel's", () => {
    const found = Object.entries(schema.$defs).flatMap(([backendName, { properties }]) =>
      Object.entries(properties ?? {}).flatMap(([name, property]) => {
        if (property === true) return [];
        const value = property.default ?? schema.$defs[property.$ref?.split('/').at(-1) ?? '']?.default;
        return value === undefined ? [] : [[`${backendName}.${name}`, value]];
      }),
    );
    expect(Object.fromEntries(found)).toEqual({
      'vxlan.VNI': 1,
      'vxlan.Port': 0,
      'vxlan.GBP': false,
      'vxlan.Learning': false,
      'vxlan.DirectRouting': false,
      'udp.Port': 8285,
      // Ours, and as flannel does without them but for the filter.
      'udp.DataPath': 'auto',
      'udp.Filter': 'enforce',
      'ipip.DirectRouting': false,
      'wireguard.ListenPort': 51820,
      'wireguard.ListenPortV6': 51821,
      'wireguard.PersistentKeepaliveInterval': 0,
      'wireguard.Mode': 'separate',
      'ipsec.UDPEncap': false,
      'ipsec.ESPProposal': 'aes128gcm16-sha256-prfsha256-ecp256',
    });
  });
});
