import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Folder } from './support/folder.js';
import { run } from './support/program.js';

/** An instance of its own: the tests share the network namespace with whatever else runs here. */
const INSTANCE = `--instance=ovt-${process.pid}`;

function flags(folder: Folder): string[] {
  return [
    INSTANCE,
    `--local-store=${folder.at('store')}`,
    `--net-config-path=${folder.at('net-conf.json')}`,
    `--subnet-file=${folder.at('run', 'subnet.env')}`,
    `--state-dir=${folder.at('state')}`,
    '--log-format=text',
  ];
}

const mistakes: readonly [title: string, netConf: string, says: RegExp][] = [
  ['no JSON', '{"Network": 10', /net-conf\.json/],
  ['an empty file', '', /net-conf\.json/],
  ['no Network', '{}', /Network/],
  ['a Network that is none', '{"Network":"10.244.0.0"}', /Network/],
  ['a number for a Network', '{"Network":10}', /Network/],
  ['a SubnetLen too long', '{"Network":"10.244.0.0/16","SubnetLen":31}', /SubnetLen/],
  ['a SubnetLen too short', '{"Network":"10.244.0.0/16","SubnetLen":17}', /SubnetLen/],
  ['a SubnetMin outside', '{"Network":"10.244.0.0/16","SubnetMin":"10.1.0.0"}', /SubnetMin/],
  [
    'bounds the wrong way round',
    '{"Network":"10.244.0.0/16","SubnetMin":"10.244.9.0","SubnetMax":"10.244.8.0"}',
    /SubnetM(in|ax)/,
  ],
  ['no family', '{"EnableIPv4":false}', /EnableIPv[46]/],
  ['IPv6 without a network', '{"Network":"10.244.0.0/16","EnableIPv6":true}', /IPv6Network/],
  ['a backend that is none', '{"Network":"10.244.0.0/16","Backend":{"Type":"carrier-pigeon"}}', /Backend\.Type.*vxlan/],
  ['a backend without a type', '{"Network":"10.244.0.0/16","Backend":{}}', /Backend/],
  ['a VNI too large', '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}', /VNI/],
  ['text for a port', '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","Port":"8472"}}', /Port/],
  [
    'text for a switch',
    '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","DirectRouting":"yes"}}',
    /DirectRouting/,
  ],
];

describe('overlayd with a wrong net-conf.json ends with one line and code 1, and has made nothing', () => {
  test.each(mistakes)('%s', async (_title, netConf, says) => {
    using folder = new Folder();
    writeFileSync(folder.at('net-conf.json'), netConf);
    const { code, stdout, stderr } = await run({ args: flags(folder) });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect({ code, stdout, left: readdirSync(folder.path) }).toEqual({ code: 1, stdout: '', left: ['net-conf.json'] });
  });

  test('no file at all', async () => {
    using folder = new Folder();
    const { code, stderr } = await run({ args: flags(folder) });
    expect(stderr).toMatch(/^[^\n]*--net-config-path: expected a file with the network's configuration[^\n]*\n$/);
    expect({ code, left: readdirSync(folder.path) }).toEqual({ code: 1, left: [] });
  });

  test('as JSON, too', async () => {
    using folder = new Folder();
    writeFileSync(folder.at('net-conf.json'), '{}');
    const { stderr } = await run({ args: [...flags(folder), '--log-format=json'] });
    expect(JSON.parse(stderr)).toMatchObject({ level: 'error', msg: expect.stringContaining('Network') });
  });
});

describe('overlayd', () => {
  test('a wrong flag: one line, code 1', async () => {
    expect(await run({ args: ['--subnet-flie=/x'] })).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: 'overlayd: "--subnet-flie" is no flag of overlayd; did you mean --subnet-file?\n',
    });
  });

  test('a wrong variable: one line, code 1', async () => {
    const { code, stderr } = await run({ args: [], env: { FLANNELD_V: 'much' } });
    expect(stderr).toMatch(/^overlayd: FLANNELD_V: expected an integer from 0 [^\n]*\n$/);
    expect(code).toBe(1);
  });

  test('--version goes to standard output', async () => {
    const { code, stdout, stderr } = await run({ args: ['--version'] });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('--help goes to standard output', async () => {
    const { code, stdout, stderr } = await run({ args: ['-h'] });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('--net-config-path');
  });

  test('an identity that cannot be kept: one line that names the remedy, and no lease', async () => {
    using folder = new Folder();
    writeFileSync(folder.at('net-conf.json'), '{"Network":"10.244.0.0/16"}');
    writeFileSync(folder.at('state'), '');
    const { code, stderr } = await run({ args: flags(folder) });
    expect(stderr).toMatch(/^[^\n]*--host-id: this host has no identity[^\n]*--state-dir=DIR\n$/);
    expect(code).toBe(1);
    expect(existsSync(folder.at('store'))).toBe(false);
  });
});

describe('overlay', () => {
  test('version', async () => {
    const { code, stdout } = await run({ name: 'overlay', args: ['version'] });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('nothing asked: how it is used, code 2', async () => {
    const { code, stdout, stderr } = await run({ name: 'overlay', args: [] });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: overlay');
  });

  test('a word that it does not know: said so, with what may have been meant, code 2', async () => {
    const { code, stderr } = await run({ name: 'overlay', args: ['lba'] });
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown command 'lba'\n\(Did you mean lab\?\)/);
  });

  test('lab --help is the lab’s', async () => {
    const { code, stdout } = await run({ name: 'overlay', args: ['lab', '--help'] });
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: overlay lab');
  });
});
