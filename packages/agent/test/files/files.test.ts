import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import type { Logger, SubnetEnv } from '@overlay/core';
import { parsePrefix, silentLogger } from '@overlay/core';
import { createFile, replaceFile } from '../../dist/files/replace-file.js';
import { SubnetEnvFile } from '../../dist/files/subnet-env-file.js';
import { storedHostId } from '../../dist/identity/host-id.js';
import { Folder } from '../support/folder.js';

const { signal } = new AbortController();

const ENV: SubnetEnv = {
  ipv4: { network: parsePrefix('10.244.0.0/16'), subnet: parsePrefix('10.244.7.0/24') },
  mtu: 1450,
  ipMasq: false,
};

function subnetEnvFile(path: string, logger: Logger = silentLogger): SubnetEnvFile {
  return new SubnetEnvFile({ path, logger });
}

/** Runs with another umask. */
function withUmask<T>(umask: number, action: () => T): T {
  const before = process.umask(umask);
  try {
    return action();
  } finally {
    process.umask(before);
  }
}

describe('replacing a file', () => {
  test('makes directories and has exactly the mode, whatever the umask', () => {
    using folder = new Folder();
    const path = folder.at('a', 'b', 'file');
    withUmask(0o077, () => replaceFile(path, { text: 'new', mode: 0o644 }));
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o644);
    withUmask(0, () => replaceFile(path, { text: 'newer', mode: 0o600 }));
    expect(readFileSync(path, 'utf8')).toBe('newer');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.at('a', 'b'))).toEqual(['file']);
  });

  test('a directory in its place: an error, and nothing is left', () => {
    using folder = new Folder();
    mkdirSync(folder.at('file', 'x'), { recursive: true });
    expect(() => replaceFile(folder.at('file'), { text: '', mode: 0o644 })).toThrow();
    expect(readdirSync(folder.path)).toEqual(['file']);
  });

  test('where nobody can make a directory: an error, not an endless loop', () => {
    expect(() => replaceFile('/proc/self/nowhere/deep/file', { text: '', mode: 0o644 })).toThrow(/ENOENT/);
  });

  test('two processes at once make directories with one above them that neither found', async () => {
    using folder = new Folder();
    const module = new URL('../../dist/files/replace-file.js', import.meta.url).href;
    const make = `
      import { makeDirectory } from ${JSON.stringify(module)};
      for (let i = 0; i < 5000; i++) makeDirectory(\`${folder.path}/\${i}/\${process.argv[1]}\`);
    `;
    const run = (name: string): Promise<unknown> =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', make, name]);
    await Promise.all(['one', 'two'].map(run));
    expect(readdirSync(folder.at('4999'))).toEqual(['one', 'two']);
  });

  test('making a file leaves one that is there', () => {
    using folder = new Folder();
    writeFileSync(folder.at('file'), 'old');
    expect(() => createFile(folder.at('file'), { text: 'new', mode: 0o644 })).toThrow(/EEXIST/);
    expect(readFileSync(folder.at('file'), 'utf8')).toBe('old');
    expect(readdirSync(folder.path)).toEqual(['file']);
  });
});

describe('subnet.env', () => {
  test('is flannel’s byte for byte', async () => {
    using folder = new Folder();
    const path = folder.at('subnet.env');
    const said: string[] = [];
    await subnetEnvFile(path, { ...silentLogger, info: (line) => said.push(line) }).write(ENV, { signal });
    expect(readFileSync(path, 'utf8')).toBe(
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.7.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n',
    );
    expect(said).toEqual([`Wrote subnet file to ${path}`]);
    expect(await subnetEnvFile(path).read({ signal })).toMatchObject({ ipv4: { subnet: '10.244.7.0/24' }, mtu: 1450 });
  });

  test('none there: undefined', async () => {
    using folder = new Folder();
    expect(await subnetEnvFile(folder.at('none')).read({ signal })).toBeUndefined();
  });

  test('cannot be written: an error that names the flag', async () => {
    using folder = new Folder();
    writeFileSync(folder.at('file'), '');
    await expect(subnetEnvFile(folder.at('file', 'subnet.env')).write(ENV, { signal })).rejects.toMatchObject({
      code: 'OVERLAY_SUBNET_FILE',
      key: '--subnet-file',
    });
  });

  test('is not written after the end', async () => {
    using folder = new Folder();
    const writing = subnetEnvFile(folder.at('subnet.env')).write(ENV, { signal: AbortSignal.abort() });
    await expect(writing).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe('the identity of the host', () => {
  test('is generated once and the same from then on, another for another instance', () => {
    using folder = new Folder();
    const id = storedHostId(folder.path, 'default', silentLogger);
    expect(id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(storedHostId(folder.path, 'default', silentLogger)).toBe(id);
    expect(storedHostId(folder.path, 'other', silentLogger)).not.toBe(id);
    expect(readFileSync(folder.at('default', 'host-id'), 'utf8')).toBe(`${id}\n`);
  });

  test('may be written by hand', () => {
    using folder = new Folder();
    mkdirSync(folder.at('default'));
    writeFileSync(folder.at('default', 'host-id'), 'rack-7\n');
    expect(storedHostId(folder.path, 'default', silentLogger)).toBe('rack-7');
  });

  test.each([[''], ['a\nb'], ['x'.repeat(257)]])('%j is none', (text) => {
    using folder = new Folder();
    mkdirSync(folder.at('default'));
    writeFileSync(folder.at('default', 'host-id'), text);
    expect(() => storedHostId(folder.path, 'default', silentLogger)).toThrow(/--host-id: .*host-id: expected one line/);
  });

  test('cannot be read: an error that names the remedy', () => {
    using folder = new Folder();
    mkdirSync(folder.at('default', 'host-id'), { recursive: true });
    chmodSync(folder.at('default'), 0o700);
    expect(() => storedHostId(folder.path, 'default', silentLogger)).toThrow(
      expect.objectContaining({ code: 'OVERLAY_HOST_ID', message: expect.stringContaining('NODE_NAME') }),
    );
  });
});
