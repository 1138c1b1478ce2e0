import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ConfigEvent } from '@overlay/core';
import { fileConfig } from '@overlay/subnet-local';
import type { FileConfigOptions } from '@overlay/subnet-local';
import { until } from '@overlay/core/testing';
import type { Subscription } from 'rxjs';
import { temporaryDirectory } from './support/temporary-directory.js';

describe('the configuration in a file', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let path: string;
  let events: ConfigEvent[];
  let error: (Error & { code?: string; key?: string }) | undefined;
  let subscription: Subscription | undefined;

  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory.path, 'net-conf.json');
    events = [];
    error = undefined;
  });
  afterEach(() => {
    subscription?.unsubscribe();
    directory.remove();
  });

  function follow(options?: FileConfigOptions): void {
    subscription = fileConfig(path, options).subscribe({
      next: (event) => events.push(event),
      error: (thrown: Error) => (error = thrown),
    });
  }

  const conf = (network: string): string => `{"Network":"${network}","Backend":{"Type":"vxlan"}}`;
  const last = (): string => {
    const event = events.at(-1);
    return event?.type === 'config' ? String(event.netConf.ipv4?.network) : String(event?.type);
  };
  const replace = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };

  test('is told, and again when the file is replaced or written to', async () => {
    writeFileSync(path, conf('10.5.0.0/16'));
    follow();
    await until('the first', () => last() === '10.5.0.0/16');
    replace(conf('10.6.0.0/16'));
    await until('the second', () => last() === '10.6.0.0/16');
    writeFileSync(path, conf('10.7.0.0/16'));
    await until('the third', () => last() === '10.7.0.0/16');
    replace(conf('10.7.0.0/16').replace(':', ' : '));
    replace(conf('10.8.0.0/16'));
    await until('the fourth', () => last() === '10.8.0.0/16');
    expect(events.filter((event) => event.type === 'config')).toHaveLength(4);
  });

  test('is seen also while another file beside it is written all the time', async () => {
    writeFileSync(path, conf('10.5.0.0/16'));
    follow({ pollMs: 60_000 });
    await until('the first', () => last() === '10.5.0.0/16');
    const noise = setInterval(() => writeFileSync(join(directory.path, 'log'), 'line\n', { flag: 'a' }), 5);
    try {
      replace(conf('10.6.0.0/16'));
      await until('the second', () => last() === '10.6.0.0/16');
    } finally {
      clearInterval(noise);
    }
  });

  test('that is wrong at first ends with one line that names the file and the key', async () => {
    writeFileSync(path, '{"Network":"10.5.0.0/16","SubnetLen":"24"}');
    follow();
    await until('an error', () => error !== undefined);
    expect(error).toMatchObject({ code: 'OVERLAY_CONFIG_INVALID', key: 'SubnetLen' });
    expect(error?.message).toBe(`${path}: SubnetLen: expected an integer of at least 0 without quotes, got "24"`);
  });

  test.each([
    ['missing', () => undefined, /ENOENT/],
    ['empty', () => writeFileSync(path, ''), /line 1, column 1/],
    ['a directory', () => mkdirSync(path), /no regular file/],
    ['huge', () => writeFileSync(path, ' '.repeat(1024 * 1024 + 1)), /more than 1048576 bytes/],
  ])('that is %s at first ends with an error', async (_what, prepare, message) => {
    prepare();
    follow();
    await until('an error', () => error !== undefined);
    expect(error?.code).toBe('OVERLAY_CONFIG_INVALID');
    expect(error?.message).toMatch(message);
    expect(error?.message).toContain(path);
  });

  test('that is missing can be waited for', async () => {
    follow({ waitForFile: true });
    await until('waiting', () => last() === 'waiting');
    expect(events[0]).toEqual({ type: 'waiting', reason: `${path} is not there yet` });
    replace(conf('10.5.0.0/16'));
    await until('the configuration', () => last() === '10.5.0.0/16');
  });

  test('that becomes wrong or vanishes is refused, and told again when it is right again', async () => {
    writeFileSync(path, conf('10.5.0.0/16'));
    follow();
    await until('the first', () => last() === '10.5.0.0/16');
    replace('{"Network":"10.5.0.0/16","SubnetLen":31}');
    await until('refused', () => last() === 'refused');
    expect((events.at(-1) as { problem: string }).problem).toMatch(/net-conf\.json: SubnetLen: expected/);
    replace(conf('10.5.0.0/16'));
    await until('told again', () => last() === '10.5.0.0/16');
    rmSync(path);
    await until('refused', () => last() === 'refused');
    replace(conf('10.5.0.0/16'));
    await until('told again', () => last() === '10.5.0.0/16');
    expect(events.map((event) => event.type)).toEqual(['config', 'refused', 'config', 'refused', 'config']);
    expect(error).toBeUndefined();
  });

  test('is followed through the symbolic links of a ConfigMap volume', async () => {
    const version = (name: string, network: string): void => {
      mkdirSync(join(directory.path, name));
      writeFileSync(join(directory.path, name, 'net-conf.json'), conf(network));
    };
    version('..1', '10.5.0.0/16');
    symlinkSync('..1', join(directory.path, '..data'));
    symlinkSync('..data/net-conf.json', path);
    follow();
    await until('the first', () => last() === '10.5.0.0/16');
    version('..2', '10.6.0.0/16');
    symlinkSync('..2', join(directory.path, '..new'));
    renameSync(join(directory.path, '..new'), join(directory.path, '..data'));
    await until('the second', () => last() === '10.6.0.0/16');
  });

  test('is not read any more after the subscription has ended', async () => {
    writeFileSync(path, conf('10.5.0.0/16'));
    follow();
    subscription?.unsubscribe();
    follow();
    await until('the first', () => events.length > 0);
    expect(events).toHaveLength(1);
  });
});
