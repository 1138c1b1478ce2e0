import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chooseNetwork } from '../../dist/command/network-choice.js';

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'overlay-lab-test-'));
  file = path.join(folder, 'net-conf.json');
  writeFileSync(file, '{"Network":"10.1.0.0/16","Backend":{"Type":"host-gw"}}');
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('chooseNetwork', () => {
  test.each([
    ['ipv4', ['ipv4'], { ipv4: '10.244.0.0/16' }],
    ['ipv6', ['ipv6'], { ipv6: 'fd00:10:244::/48' }],
    ['dual', ['ipv4', 'ipv6'], { ipv4: '10.244.0.0/16', ipv6: 'fd00:10:244::/48' }],
  ] as const)('generated for %s', (family, families, networks) => {
    const choice = chooseNetwork({ family, backend: 'vxlan' });
    expect(choice).toMatchObject({ backend: 'vxlan', family, families });
    expect(choice.netConf.warnings).toEqual([]);
    expect({ ipv4: choice.netConf.ipv4?.network, ipv6: choice.netConf.ipv6?.network }).toEqual({
      ipv4: undefined,
      ipv6: undefined,
      ...networks,
    });
  });

  test('a file decides what no flag does', () => {
    expect(chooseNetwork({ netConf: file })).toMatchObject({ backend: 'host-gw', family: 'ipv4' });
  });

  test.each([
    [{ backend: 'vxlan' }, /^overlay lab: --backend vxlan: .*net-conf.json says host-gw/],
    [{ family: 'dual' as const }, /^overlay lab: --family dual: .*net-conf.json says ipv4/],
  ])('%j contradicts the file', (args, message) => {
    expect(() => chooseNetwork({ ...args, netConf: file })).toThrow(message);
  });

  test('a file that is not there', () => {
    expect(() => chooseNetwork({ netConf: path.join(folder, 'none') })).toThrow(
      expect.objectContaining({ code: 'OVERLAY_LAB_USAGE' }),
    );
  });

  test('a wrong file is told by the parser of net-conf.json', () => {
    const wrong = path.join(folder, 'wrong.json');
    writeFileSync(wrong, '{"Network":"10.1.0.0/33"}');
    expect(() => chooseNetwork({ netConf: wrong })).toThrow(
      expect.objectContaining({ code: 'OVERLAY_CONFIG_INVALID', key: 'Network' }),
    );
  });
});
