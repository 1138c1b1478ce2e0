import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { attributesOf, LocalHost } from './support/local-host.js';
import { temporaryDirectory } from './support/temporary-directory.js';
import { encodeLease } from '../dist/format/lease-content.js';

describe('a directory that others disturb', () => {
  let parent: ReturnType<typeof temporaryDirectory>;
  let directory: string;
  let hosts: LocalHost[];

  beforeEach(() => {
    parent = temporaryDirectory();
    directory = join(parent.path, 'a', 'leases');
    hosts = [];
  });
  afterEach(async () => {
    await Promise.all(hosts.map((host) => host.manager.close()));
    parent.remove();
  });

  function host(n: number, options = {}): LocalHost {
    const made = new LocalHost(directory, n, undefined, options);
    hosts.push(made);
    return made;
  }

  async function three(): Promise<[LocalHost, LocalHost, LocalHost]> {
    const all = [host(1), host(2), host(3)] as [LocalHost, LocalHost, LocalHost];
    await Promise.all(all.map((each) => each.acquire()));
    await Promise.all(all.map((each) => each.sees(1, 2, 3)));
    return all;
  }

  const files = (): string[] => readdirSync(directory).filter((name) => !name.startsWith('.'));
  const subnets = (): Record<string, unknown> => ({ ...hosts[0].watched.subnets });

  test('deleted: every host writes its lease again, with its subnet', async () => {
    const all = await three();
    const before = subnets();
    const snapshots = all.map((each) => each.watched.snapshots);
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 5 });
    await until('all leases again', () => {
      try {
        return files().length === 3;
      } catch {
        return false;
      }
    });
    await Promise.all(all.map((each) => each.sees(1, 2, 3)));
    expect(all.map((each) => each.watched.subnets)).toEqual([before, before, before]);
    await until('a snapshot', () => all.every((each, at) => each.watched.snapshots > snapshots[at]));
    // What is new in the new directory is seen as well.
    await host(4).acquire();
    await Promise.all(all.map((each) => each.sees(1, 2, 3, 4)));
    expect(all.every((each) => each.watched.error === undefined)).toBe(true);
  });

  test('emptied: every host writes its lease again and no peer notices', async () => {
    const all = await three();
    const before = subnets();
    for (const name of files()) rmSync(join(directory, name));
    await until('all leases again', () => files().length === 3);
    await host(4).acquire();
    await Promise.all(all.map((each) => each.sees(1, 2, 3, 4)));
    expect(hosts[0].watched.subnets).toMatchObject(before);
    const deleted = all.flatMap((each) =>
      each.watched.events.flatMap((event) => (event.type === 'changes' ? event.changes : [])),
    );
    expect(deleted.filter((change) => change.type === 'delete')).toEqual([]);
  });

  test('emptied file by file: whoever watches is told of all that went at once', async () => {
    const watcher = await host(1).acquire();
    const others = Array.from({ length: 20 }, (_, i) => i + 21);
    const names = others.map((n) => `10.5.${200 + n}.0-24`);
    others.forEach((n, i) => {
      const lease = encodeLease({ attributes: attributesOf(n), hostId: `host-${n}` });
      writeFileSync(join(directory, names[i]), lease);
    });
    await watcher.sees(1, ...others);
    let removed = 0;
    // At most one in each turn, so that the kernel tells of each by itself.
    await until('all are removed', () => {
      const name = names[removed++];
      if (name !== undefined) rmSync(join(directory, name));
      return name === undefined;
    });
    await watcher.sees(1);
    const deletions = watcher.watched.events
      .map((event) => (event.type === 'changes' ? event.changes.filter(({ type }) => type === 'delete').length : 0))
      .filter((count) => count > 0);
    expect(deletions).toEqual([20]);
  });

  test('replaced by another one: what is in that one counts', async () => {
    const all = await three();
    const other = join(parent.path, 'other');
    mkdirSync(other);
    const foreign = encodeLease({ attributes: attributesOf(9), hostId: 'host-9', expiresAt: Date.now() + 60_000 });
    writeFileSync(join(other, '10.5.250.0-24'), foreign);
    renameSync(directory, join(parent.path, 'old'));
    renameSync(other, directory);
    await Promise.all(all.map((each) => each.sees(1, 2, 3, 9)));
    expect(files()).toHaveLength(4);
  });

  test('away while a host starts: it waits, and acquires when the way is free', async () => {
    writeFileSync(join(parent.path, 'a'), 'a file where a directory should be');
    const late = host(1);
    const acquiring = late.acquire();
    await until('a line that says why', () => late.logger.lines.some((line) => /acquiring.*trying again/.test(line)));
    rmSync(join(parent.path, 'a'));
    await acquiring;
    expect(late.logger.lines.filter((line) => /acquiring.*trying again/.test(line))).toHaveLength(1);
    await late.sees(1);
  });

  test('an acquisition that waits for the directory stops when told', async () => {
    writeFileSync(join(parent.path, 'a'), 'a file where a directory should be');
    const late = host(1);
    const stop = new AbortController();
    const acquiring = late.acquire(stop.signal);
    await until('a line that says why', () => late.logger.lines.length > 0);
    stop.abort();
    await expect(acquiring).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  });

  test('junk of every kind is ignored with one line each, and no peer is lost', async () => {
    const all = await three();
    const lease = encodeLease({ attributes: attributesOf(8), hostId: 'host-8' });
    const put = (name: string, text: string | Buffer): void => writeFileSync(join(directory, name), text);
    put('README', 'what this is');
    put('10.77.200.0-24', '{"PublicIP":"192.0.2.8","Public');
    put('10.77.201.0-24', '');
    put('10.77.202.7-24', lease);
    put('10.77.0.0-33', lease);
    put('10.77.203.0-24', Buffer.alloc(70_000, 0x20));
    put('10.77.204.0-24', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
    put('10.77.205.0-24', '{"PublicIP":"nowhere","HostID":"host-8"}');
    mkdirSync(join(directory, '10.77.206.0-24'));
    symlinkSync('/etc/passwd', join(directory, '10.77.207.0-24'));
    symlinkSync('/nowhere', join(directory, '10.77.208.0-24'));
    execFileSync('mkfifo', [join(directory, '10.77.209.0-24')]);
    put('.hidden', 'not looked at');
    put('net-conf.json', '{}');
    await until('lines', () => all.every((each) => each.logger.lines.length >= 12));
    hosts.push(await host(4).acquire());
    await Promise.all(all.map((each) => each.sees(1, 2, 3, 4)));
    for (const each of all) each.manager.resync();
    await Promise.all(all.map((each) => each.sees(1, 2, 3, 4)));
    for (const { logger } of all) {
      expect(logger.lines.map((line) => line.replace(`${directory}: `, '')).sort()).toEqual(
        [
          '"10.77.0.0-33" is no lease: its name is no subnet; it is ignored',
          '"10.77.200.0-24" is no lease: it is not JSON; it is ignored',
          '"10.77.201.0-24" is no lease: it is empty; it is ignored',
          '"10.77.202.7-24" is no lease: its name is no subnet; it is ignored',
          '"10.77.203.0-24" is no lease: it is larger than 65536 bytes; it is ignored',
          '"10.77.204.0-24" is no lease: it is not UTF-8; it is ignored',
          '"10.77.205.0-24" is no lease: PublicIP is no IPv4 address; it is ignored',
          '"10.77.206.0-24" is no lease: it is no regular file; it is ignored',
          '"10.77.207.0-24" is no lease: it is a symbolic link; it is ignored',
          '"10.77.208.0-24" is no lease: it is a symbolic link; it is ignored',
          '"10.77.209.0-24" is no lease: it is no regular file; it is ignored',
          '"README" is no lease: its name is no subnet; it is ignored',
        ].map((line) => `warn ${line}`),
      );
    }
  });

  test('a peer whose file is spoilt stays as it was until its host has mended it', async () => {
    const [first, second] = await three();
    await second.manager.close();
    truncateSync(join(directory, second.file), 10);
    await until('a line', () => first.logger.lines.some((line) => line.includes('what it said before stays in force')));
    await first.sees(1, 2, 3);
    const again = host(2);
    await again.acquire();
    expect(again.state.lease.subnets).not.toEqual(second.state.lease.subnets);
  });

  test.each([
    ['spoilt', (path: string) => truncateSync(path, 5)],
    ['removed', (path: string) => rmSync(path)],
    ['made a symbolic link', (path: string) => (rmSync(path), symlinkSync('/nowhere', path))],
  ])('an own lease that is %s is written again, and a peer sees no change', async (_what, disturb) => {
    const [first, second] = await three();
    const path = join(directory, first.file);
    const before = second.watched.events.length;
    const text = readFileSync(path, 'utf8');
    disturb(path);
    await until('the lease again', () => {
      try {
        return JSON.parse(readFileSync(path, 'utf8')).HostID === 'host-1';
      } catch {
        return false;
      }
    });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ ...JSON.parse(text), Expires: expect.any(String) });
    await host(4).acquire();
    await second.sees(1, 2, 3, 4);
    const later = second.watched.events.slice(before);
    const changes = later.flatMap((event) => (event.type === 'changes' ? event.changes : []));
    expect(changes.map((change) => (change.type === 'set' ? change.lease.key : change.key))).toEqual(['host-4']);
    expect(new Set(first.states.map((state) => state.lease.subnets.ipv4)).size).toBe(1);
  });

  test('a directory in the place of an own lease is told, and the lease is there when it has gone', async () => {
    const [first] = await three();
    const path = join(directory, first.file);
    rmSync(path);
    const made = await until('a directory', () => {
      try {
        mkdirSync(path);
        return true;
      } catch {
        rmSync(path, { force: true });
        return false;
      }
    });
    expect(made).toBe(true);
    await first.problem(/held by another \(no lease, .*traffic goes on/);
    rmSync(path, { recursive: true });
    await first.noProblem();
    expect(files()).toContain(first.file);
  });

  test('what somebody else writes into an own lease is undone, but ever more slowly', async () => {
    const [first] = await three();
    const path = join(directory, first.file);
    let rounds = 0;
    await until('patience', () => {
      rmSync(path, { force: true });
      rounds++;
      return /keeps being removed/.test(first.state.problem ?? '');
    });
    expect(rounds).toBeGreaterThan(1);
    await until('the lease again', () => files().includes(first.file));
    await first.noProblem();
  });

  test('another identity in our place: its problem is told, traffic goes on, and we come back when it goes', async () => {
    const [first, second] = await three();
    const path = join(directory, first.file);
    const theirs = encodeLease({ attributes: attributesOf(9), hostId: 'host-9', expiresAt: Date.now() + 60_000 });
    writeFileSync(join(parent.path, 'new'), theirs);
    renameSync(join(parent.path, 'new'), path);
    await first.problem(/held by another \(host host-9, .*remove that file, or restart this agent/);
    await second.sees(2, 3, 9);
    expect(readFileSync(path, 'utf8')).toBe(theirs);
    expect(first.state.lease.key).toBe('host-1');
    expect(first.state.lost).toBe(true);
    rmSync(path);
    await first.noProblem();
    expect(first.state.lost).toBeUndefined();
    await second.sees(1, 2, 3);
  });

  test('an overlapping lease of another host is told to the one who is overlapped', async () => {
    const [first] = await three();
    const wide = encodeLease({ attributes: attributesOf(9), hostId: 'host-9', expiresAt: Date.now() + 60_000 });
    writeFileSync(join(directory, '10.5.0.0-16'), wide);
    await first.problem(/host-9 \(.*\) holds 10\.5\.0\.0\/16, which overlaps our 10\.5\./);
    // Renewing and publishing go on all the same.
    await first.own!.publish(attributesOf(77), { signal: new AbortController().signal });
    expect(readFileSync(join(directory, first.file), 'utf8')).toContain('192.0.2.77');
    rmSync(join(directory, '10.5.0.0-16'));
    await first.noProblem();
  });

  test('a hard link or a copy of a lease under another name does not make two of one host', async () => {
    const [first, second] = await three();
    copyFileSync(join(directory, first.file), join(directory, '10.5.240.0-24'));
    linkSync(join(directory, first.file), join(directory, '10.5.241.0-24'));
    await until('the last one counts', () => second.watched.leases.size === 3);
    rmSync(join(directory, '10.5.240.0-24'));
    rmSync(join(directory, '10.5.241.0-24'));
    await until('the first again', () => {
      return second.watched.leases.get('host-1')?.subnets.ipv4 === first.state.lease.subnets.ipv4;
    });
  });
});
