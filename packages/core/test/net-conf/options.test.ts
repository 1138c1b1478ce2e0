import { describe, expect, test } from '@jest/globals';
import type { BackendConf, OptionsSpec } from '../../dist/net-conf/index.js';
import { parseNetConf, readOptions } from '../../dist/net-conf/index.js';

const SPEC = {
  VNI: { type: 'integer', min: 1, max: 16_777_215, default: 1 },
  MTU: { type: 'integer', min: 68, max: 65_535 },
  Learning: { type: 'boolean', default: false },
  GBP: { type: 'boolean' },
  Mode: { type: 'enum', values: ['separate', 'auto'], default: 'separate' },
  PSK: {
    type: 'string',
    test: (value) => value.length >= 8,
    expected: 'a string of at least 8 characters',
    secret: true,
  },
  Name: { type: 'string', default: 'x', test: (value) => value !== '' },
} as const satisfies OptionsSpec;

function backend(members: string): BackendConf {
  return parseNetConf(`{"Network":"10.3.0.0/16","Backend":{"Type":"Vxlan",${members}}}`).backend;
}

describe('readOptions', () => {
  test('defaults', () => {
    const { values, warnings } = readOptions({ type: 'vxlan', options: {} }, SPEC);
    expect(values).toEqual({
      VNI: 1,
      MTU: undefined,
      Learning: false,
      GBP: undefined,
      Mode: 'separate',
      PSK: undefined,
      Name: 'x',
    });
    expect(warnings).toEqual([]);
  });

  test('values, by names in any case, null for the default; and their types', () => {
    const conf = backend('"vni":7,"MTU":1400,"LEARNING":true,"gbp":false,"mode":"auto","psk":"12345678","Name":null');
    const { values } = readOptions(conf, SPEC);
    // These lines compile only if the types are inferred: without a default, undefined is possible.
    const vni: number = values.VNI;
    const mtu: number | undefined = values.MTU;
    const learning: boolean = values.Learning;
    const gbp: boolean | undefined = values.GBP;
    const mode: 'separate' | 'auto' = values.Mode;
    const psk: string | undefined = values.PSK;
    // @ts-expect-error it may be undefined
    const notOptional: number = values.MTU;
    expect([vni, mtu, learning, gbp, mode, psk, values.Name, notOptional]).toEqual([
      7,
      1400,
      true,
      false,
      'auto',
      '12345678',
      'x',
      1400,
    ]);
  });

  test('types are inferred from a spec in place as well', () => {
    const { values } = readOptions(backend('"Mode":"b"'), { Mode: { type: 'enum', values: ['a', 'b'], default: 'a' } });
    const mode: 'a' | 'b' = values.Mode;
    expect(mode).toBe('b');
  });

  test.each([
    ['"VNI":0', 'VNI', 'an integer from 1 to 16777215, got 0'],
    ['"vni":16777216', 'VNI', 'an integer from 1 to 16777215, got 16777216'],
    ['"VNI":1.5', 'VNI', 'an integer from 1 to 16777215, got 1.5'],
    ['"VNI":"7"', 'VNI', 'an integer from 1 to 16777215 without quotes, got "7"'],
    ['"VNI":true', 'VNI', 'an integer from 1 to 16777215, got true'],
    ['"VNI":[1]', 'VNI', 'an integer from 1 to 16777215, got [1]'],
    ['"Learning":"true"', 'Learning', 'true or false without quotes, got "true"'],
    ['"Learning":1', 'Learning', 'true or false, got 1'],
    ['"Mode":"Auto"', 'Mode', 'one of "separate", "auto", got "Auto"'],
    ['"Mode":""', 'Mode', 'one of "separate", "auto", got ""'],
    ['"Name":5', 'Name', 'a string, got 5'],
    ['"PSK":"short"', 'PSK', 'a string of at least 8 characters, got something else, not shown here'],
    ['"PSK":["short"]', 'PSK', 'a string of at least 8 characters, got something else, not shown here'],
  ])('%s is refused', (member, name, message) => {
    expect(() => readOptions(backend(member), SPEC)).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_CONFIG_INVALID',
        key: `Backend.${name}`,
        message: `net-conf.json: Backend.${name}: expected ${message}`,
      }),
    );
  });

  test('unknown options are named, with what was probably meant', () => {
    const { warnings } = readOptions(backend('"DirectRoutin":true,"Learn":1,"learnig":true,"VMI":1'), SPEC, {
      source: 'store',
    });
    expect(warnings).toEqual([
      'store: Backend.DirectRoutin: unknown option of vxlan, ignored',
      'store: Backend.Learn: unknown option of vxlan, ignored',
      'store: Backend.learnig: unknown option of vxlan, ignored; did you mean Learning?',
      'store: Backend.VMI: unknown option of vxlan, ignored; did you mean VNI?',
    ]);
  });
});
