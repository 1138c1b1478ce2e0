/**
 * Run in a mount namespace of its own: two hosts on a tiny file system that is filled up and made read-only under them.
 * Prints what they showed as JSON. Its argument is an empty directory to mount it on.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@overlay/core/testing';
import { attributesOf, LocalHost } from './local-host.js';

const directory = process.argv[2];
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'overlay-test', directory]);
const { signal } = new AbortController();
const hosts = [new LocalHost(directory, 1), new LocalHost(directory, 2)] as const;
const [own, peer] = hosts;
const shown: Record<string, unknown> = {};

async function disturb(what: string, begin: () => void, end: () => void, n: number): Promise<void> {
  begin();
  const published = own.own!.publish(attributesOf(n), { signal });
  await until('a problem', () => own.state.problem !== undefined);
  shown[what] = { problem: own.state.problem, peers: [...peer.watched.leases.keys()].sort() };
  end();
  await published;
  await own.noProblem();
  await until('the attributes', () => peer.watched.leases.get('host-1')?.attributes.ipv4?.publicIP === `192.0.2.${n}`);
  shown[`${what}, after`] = (
    JSON.parse(readFileSync(join(directory, own.file), 'utf8')) as { PublicIP: string }
  ).PublicIP;
}

const filler = join(directory, '.filler');
function fill(): void {
  for (;;) {
    try {
      appendFileSync(filler, Buffer.alloc(4096));
    } catch {
      return;
    }
  }
}

try {
  for (const host of hosts) await host.acquire();
  await peer.sees(1, 2);
  await disturb('full', fill, () => rmSync(filler), 71);
  const remount = (mode: string) => (): void => void execFileSync('mount', ['-o', `remount,${mode}`, directory]);
  await disturb('read-only', remount('ro'), remount('rw'), 72);
  shown.deleted = peer.watched.events.filter((event) => JSON.stringify(event).includes('delete'));
  process.stdout.write(JSON.stringify(shown));
} finally {
  await Promise.all(hosts.map((host) => host.manager.close()));
}
