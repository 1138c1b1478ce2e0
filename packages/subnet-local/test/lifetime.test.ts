import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseNetConf } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { attributesOf, LocalHost } from './support/local-host.js';
import { temporaryDirectory } from './support/temporary-directory.js';
import { encodeLease } from '../dist/format/lease-content.js';

const ONE = parseNetConf('{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.8.0"}');
const TEN = parseNetConf('{"Network":"10.5.0.0/16","SubnetMin":"10.5.10.0","SubnetMax":"10.5.10.0"}');
const THREE = parseNetConf('{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.10.0"}');

describe('the life of a lease', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let hosts: LocalHost[];

  beforeEach(() => {
    directory = temporaryDirectory();
    hosts = [];
  });
  afterEach(async () => {
    await Promise.all(hosts.map((host) => host.manager.close()));
    directory.remove();
  });

  function host(n: number, netConf = THREE, options = {}): LocalHost {
    const made = new LocalHost(directory.path, n, netConf, options);
    hosts.push(made);
    return made;
  }

  function write(name: string, n: number, expiresAt?: number, hostId: string | undefined = `host-${n}`): void {
    writeFileSync(join(directory.path, name), encodeLease({ attributes: attributesOf(n), hostId, expiresAt }));
  }

  const content = (name: string): { HostID?: string; Expires?: string } =>
    JSON.parse(readFileSync(join(directory.path, name), 'utf8')) as { HostID?: string };

  test('is renewed again and again before it ends, and peers learn nothing from that', async () => {
    const peer = host(2);
    const own = await host(1, THREE, { ttlMs: 400, renewMarginMs: 300, graceMs: 50 }).acquire();
    await peer.sees(1);
    const before = peer.watched.events.length;
    const ends = new Set<unknown>();
    await until('5 renewals', () => ends.add(content(own.file).Expires).size > 5);
    expect(peer.watched.events.length).toBe(before);
    expect(own.states.every((state) => state.problem === undefined)).toBe(true);
    // What peers get in a snapshot is the lease as it stands.
    peer.manager.resync();
    await until('the new end', () => {
      const seen = peer.watched.leases.get('host-1')?.expiresAt ?? 0;
      return seen > Number(own.states[0]?.lease.expiresAt);
    });
  });

  test('ends when nobody renews it: peers forget it and the file goes', async () => {
    const peer = host(2, THREE, { graceMs: 50 });
    const own = await host(1, THREE, { ttlMs: 500, renewMarginMs: 100 }).acquire();
    await peer.sees(1);
    await own.manager.close();
    await peer.sees();
    await until('an empty directory', () => readdirSync(directory.path).length === 0);
    expect(Date.now()).toBeGreaterThanOrEqual(own.state.lease.expiresAt! + 50);
  });

  test('of many who see that it has ended, none gets into the way of another', async () => {
    write('10.5.8.0-24', 1, Date.now() + 300);
    const peers = Array.from({ length: 12 }, (_, at) => host(at + 2, THREE, { graceMs: 20 }));
    await Promise.all(peers.map((peer) => peer.sees(1)));
    await Promise.all(peers.map((peer) => peer.sees()));
    await until('an empty directory', () => readdirSync(directory.path).length === 0);
    expect(peers.flatMap((peer) => peer.logger.lines)).toEqual([]);
  });

  test('that has ended while all slept is renewed by its host before anybody believes it', async () => {
    const peer = host(2, THREE, { graceMs: 60_000, ttlMs: 600_000 });
    write('10.5.8.0-24', 1, Date.now() + 200);
    await peer.sees(1);
    const own = host(1);
    await until('its end', () => Date.now() > Date.parse(content('10.5.8.0-24').Expires ?? '') + 50);
    peer.manager.resync();
    await until('a snapshot', () => peer.watched.snapshots > 1);
    await peer.sees(1);
    await own.acquire();
    expect(own.file).toBe('10.5.8.0-24');
    const changes = peer.watched.events.flatMap((event) => (event.type === 'changes' ? event.changes : []));
    expect(changes.filter((change) => change.type === 'delete')).toEqual([]);
  });

  test('that had ended before a peer came is not told, but its host gets it back', async () => {
    write('10.5.9.0-24', 1, Date.now() - 3_600_000);
    const peer = await host(2).acquire();
    expect(peer.file).not.toBe('10.5.9.0-24');
    await peer.sees(2);
    const own = await host(1).acquire();
    expect(own.file).toBe('10.5.9.0-24');
    await peer.sees(1, 2);
  });

  test('that has ended is given to another only when nothing else is left, the oldest first', async () => {
    write('10.5.8.0-24', 11, Date.now() - 1000);
    write('10.5.9.0-24', 12, Date.now() - 9000);
    const given: string[] = [];
    for (const n of [1, 2, 3]) given.push((await host(n).acquire()).file);
    expect(given).toEqual(['10.5.10.0-24', '10.5.9.0-24', '10.5.8.0-24']);
    await expect(host(4).acquire()).rejects.toMatchObject({ code: 'OVERLAY_RANGE_FULL' });
    expect(readdirSync(directory.path)).toHaveLength(3);
  });

  test('without an end (a reservation) has none after it was taken and published again', async () => {
    write('10.5.9.0-24', 1);
    const own = await host(1).acquire();
    expect(own.file).toBe('10.5.9.0-24');
    expect(own.state.lease.expiresAt).toBeUndefined();
    await own.own!.publish(attributesOf(77), { signal: new AbortController().signal });
    expect(content('10.5.9.0-24')).toEqual({
      PublicIP: '192.0.2.77',
      PublicIPv6: null,
      BackendType: 'host-gw',
      HostID: 'host-1',
    });
  });

  test('reserved for a public IP is that of the host with this address, and of nobody else', async () => {
    writeFileSync(join(directory.path, '10.5.8.0-24'), '{"PublicIP":"192.0.2.1"}');
    await expect(host(2, ONE).acquire()).rejects.toMatchObject({ code: 'OVERLAY_RANGE_FULL' });
    const own = await host(1, ONE).acquire();
    expect(content('10.5.8.0-24')).toMatchObject({ PublicIP: '192.0.2.1', HostID: 'host-1' });
    expect(content('10.5.8.0-24').Expires).toBeUndefined();
    await host(3).sees(1);
    expect(own.state.lease.key).toBe('host-1');
  });

  test('reserved for nobody keeps its subnet free, and peers are not told of it', async () => {
    writeFileSync(join(directory.path, '10.5.8.0-24'), '{}');
    await expect(host(1, ONE).acquire()).rejects.toMatchObject({ code: 'OVERLAY_RANGE_FULL' });
    await host(2).sees();
  });

  test('two managers of one host do not fight: the second one moves it, the first one stays and says so', async () => {
    const [first, second] = [host(1, ONE), host(1, TEN)];
    await first.acquire();
    await second.acquire();
    await until('one lease', () => readdirSync(directory.path).join() === '10.5.10.0-24');
    await until('the first knows', () => first.state.problem !== undefined);
    expect(first.file).toBe('10.5.8.0-24');
    expect(first.state).toMatchObject({ lost: true, lease: { subnets: { ipv4: '10.5.8.0/24' } } });
    expect(first.state.problem).toMatch(
      /^the store has 10\.5\.10\.0\/24 for this host, .*run overlay apply to move there/,
    );
    expect(second.state.problem).toBeUndefined();
    // Whoever takes a lease anew has it again.
    await first.acquire();
    expect(first.file).toBe('10.5.8.0-24');
    expect(first.state.lost).toBeUndefined();
    await until('the second knows', () => second.state.lost === true);
  });

  test('that the store has elsewhere stays, and is written again when that is gone', async () => {
    const one = host(1, ONE);
    await one.acquire();
    const { file } = one;
    const elsewhere = join(directory.path, '10.5.9.0-24');
    renameSync(join(directory.path, file), elsewhere);
    await until('it is told', () => one.state.lost === true);
    expect(one.file).toBe(file);
    expect(readdirSync(directory.path)).toEqual(['10.5.9.0-24']);
    rmSync(elsewhere);
    await until('it is written again', () => readdirSync(directory.path).includes(file));
    await until('all is well', () => one.state.problem === undefined && one.state.lost === undefined);
  });
});
