import { execFile } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { acquireInstance } from '@overlay/linux';
import { acmeBackend, AGENT, put } from '../support/backend-module.js';
import { Folder } from '../support/folder.js';
import { run } from '../support/program.js';

function flags(folder: Folder, type: string): string[] {
  writeFileSync(folder.at('net-conf.json'), JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: type } }));
  return [
    `--instance=ovt-${process.pid}`,
    `--local-store=${folder.at('store')}`,
    `--net-config-path=${folder.at('net-conf.json')}`,
    `--subnet-file=${folder.at('run', 'subnet.env')}`,
    `--state-dir=${folder.at('state')}`,
    '--log-format=text',
  ];
}

/** What an agent of these modules ends with, which has to be one line. */
async function failure(folder: Folder, modules: readonly string[], type = 'acme'): Promise<string> {
  const args = [...flags(folder, type), ...modules.map((name) => `--backend-module=${name}`)];
  const { code, stdout, stderr } = await run({ args });
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(readdirSync(folder.path)).not.toContain('state');
  return stderr;
}

const peerOf = (range: string): string => JSON.stringify({ peerDependencies: { '@overlay/core': range } });
const factory = (members: string): string => `export const backend = () => (${members});`;
const supports =
  '{ ipv4: true, ipv6: true, dualStack: true, crossesSubnets: true, encryption: true, survivesAgent: true, flannelInterop: 1 }';

const mistakes: readonly [title: string, text: string, says: RegExp][] = [
  ['no module', 'this is none', /acme\.mjs": could not be loaded: /],
  ['an import that is not there', 'import "@acme/nothing"', /could not be loaded: .*@acme\/nothing/],
  ['no export', 'export const other = 1', /expected an export "backend", a function .*, got other$/m],
  ['a default export only', 'export default () => ({})', /got no named export$/m],
  ['an export that is no function', 'export const backend = {}', /got one that is no function \(object\)$/m],
  ['a function that fails', 'export const backend = () => { throw Error("no luck") }', /backend\(\) failed: no luck$/m],
  ['nothing given', factory('undefined'), /gives no BackendFactory: expected an object$/m],
  ['a type in upper case', factory('{ type: "Acme" }'), /gives no BackendFactory: type: expected a word/],
  ['no create', factory('{ type: "acme" }'), /gives no BackendFactory: create: expected a function/],
  ['no supports', factory('{ type: "acme", create() {} }'), /supports\.ipv4: expected true or false/],
  [
    'a supports with a number',
    factory(`{ type: "acme", create() {}, supports: ${supports} }`),
    /supports\.flannelInterop: expected true or false/,
  ],
  ['a type of this agent’s', acmeBackend('vxlan'), /got "vxlan", which comes with this agent; leave one of them out/],
];

describe('a module that cannot be used ends overlayd with one line that names it', () => {
  test('also while another agent has the instance', async () => {
    using folder = new Folder();
    const lock = await acquireInstance(`ovt-${process.pid}`, { signal: AbortSignal.timeout(10_000) });
    try {
      expect(await failure(folder, [folder.at('nothing.mjs')])).toMatch(/nothing\.mjs": there is no such file$/m);
    } finally {
      await lock.release();
    }
  });

  test.each(mistakes)('%s', async (_title, text, says) => {
    using folder = new Folder();
    const file = put(text, folder.at('acme.mjs'));
    const said = await failure(folder, [file]);
    expect(said).toContain(`--backend-module: "${file}": `);
    expect(said).toMatch(says);
  });

  test('one that is not there', async () => {
    using folder = new Folder();
    expect(await failure(folder, [folder.at('acme.mjs')])).toMatch(/acme\.mjs": there is no such file$/m);
    expect(await failure(folder, ['@acme/overlay-backend-acme'])).toContain(
      `@acme/overlay-backend-acme is not installed where this agent is (${join(AGENT, '.')}`.replace(/\/$/, ''),
    );
  });

  test.each(['', 'https://example.org/acme.mjs', 'node:fs', 'data:text/javascript,0', '@acme', 'a//b'])(
    'no name at all: %j',
    async (name) => {
      using folder = new Folder();
      expect(await failure(folder, [name])).toMatch(/expected the name of a package, or a path that begins with/);
    },
  );

  test('one type brought by two', async () => {
    using folder = new Folder();
    const [one, two] = ['one', 'two'].map((name) => put(acmeBackend(), folder.at(`${name}.mjs`)));
    expect(await failure(folder, [one, two])).toContain(`"${two}": expected a Backend.Type of its own, got "acme"`);
  });

  test('one made for another version of core', async () => {
    using folder = new Folder();
    const file = put(acmeBackend(), folder.at('plug-in', 'acme.mjs'));
    put(peerOf('>=7.0.0 <8.0.0'), folder.at('plug-in', 'package.json'));
    const { version } = JSON.parse(readFileSync(join(AGENT, 'package.json'), 'utf8')) as { version: string };
    expect(await failure(folder, [file])).toMatch(
      new RegExp(`expected peerDependencies\\["@overlay/core"\\] to include ${version}, .*, got ">=7.0.0 <8.0.0"; `),
    );
  });
});

describe('a Backend.Type that nobody brings', () => {
  test('is told with what there is and how to add it', async () => {
    using folder = new Folder();
    const file = put(acmeBackend(), folder.at('acme.mjs'));
    const said = await failure(folder, [file], 'carrier-pigeon');
    expect(said).toContain('expected one of acme, host-gw, udp, vxlan, which this agent has, got "carrier-pigeon"');
    expect(said).toContain('overlayd: --backend-module=<package>');
  });

  test('is never loaded by its name', async () => {
    using folder = new Folder();
    const file = put(
      'import { writeFileSync } from "node:fs"; writeFileSync(import.meta.dirname + "/loaded", "");',
      folder.at('acme.mjs'),
    );
    expect(await failure(folder, [], file)).toContain('Backend.Type');
    expect(readdirSync(folder.path)).not.toContain('loaded');
  });
});

test('a package is found where the agent is installed', async () => {
  using folder = new Folder();
  const installed = folder.at('node_modules', '@overlay', 'agent');
  for (const part of ['bin', 'bundle', 'package.json']) {
    cpSync(join(AGENT, part), join(installed, part), { recursive: true });
  }
  const plugIn = folder.at('node_modules', '@acme', 'overlay-backend-acme');
  const description = {
    ...(JSON.parse(peerOf('>=0.1.0 <0.2.0')) as object),
    type: 'module',
    exports: { import: './acme.js' },
  };
  put(JSON.stringify(description), plugIn, 'package.json');
  put(acmeBackend(), plugIn, 'acme.js');
  const args = [join(installed, 'bin', 'overlayd.cjs'), ...flags(folder, 'carrier-pigeon')];
  const ended = promisify(execFile)(process.execPath, [...args, '--backend-module=@acme/overlay-backend-acme'], {
    env: {},
  });
  await expect(ended).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('expected one of acme, host-gw, udp, vxlan'),
  });
});
