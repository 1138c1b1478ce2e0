import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseNetConf } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import type { Linux, Scope } from '@overlay/linux';
import { Namespace, until } from '../netlink/namespace.js';

const NET_CONF = parseNetConf(
  '{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:244::/48","Backend":{"Type":"host-gw"}}',
);
const KEYS = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];
const never = new AbortController().signal;
let netns: Namespace;
let linux: Linux;
let scope: Scope;

beforeEach(async () => {
  netns = new Namespace('fwd');
  sysctl('-w', 'net.ipv6.conf.all.disable_ipv6=0', ...KEYS.map((key) => `${key}=0`));
  // No audit: what is noticed here the kernel has told.
  linux = openLinux({ netns: netns.path, auditMs: 0 });
  scope = linux.reconciler.scope('test');
  scope.set('self', linux.hostSettings(NET_CONF));
  await scope.settled({ signal: never });
});

afterEach(async () => {
  await linux.close();
  netns.remove();
});

function sysctl(...args: string[]): string[] {
  const argv = ['netns', 'exec', netns.name, 'sysctl', '-q', ...args];
  return execFileSync('ip', argv, { encoding: 'utf8' }).split('\n');
}

const forwarding = (): string[] => sysctl('-n', ...KEYS).slice(0, KEYS.length);

/** Notifications come in order: once a device is known that was made just now, so is all that went before. */
async function heardEverything(): Promise<void> {
  netns.ip('link add last0 type veth peer name last1');
  await until(() => linux.links.byName('last0') !== undefined, 'the device is known');
}

test('forwarding that somebody switches off is on again at once, in both families', async () => {
  expect(forwarding()).toEqual(['1', '1']);
  for (const key of KEYS) {
    sysctl('-w', `${key}=0`);
    await until(() => forwarding().join() === '1,1', `${key} is 1 again`);
  }
  // It is somebody else's to say how a device forwards that is none of ours.
  netns.ip('link add veth0 type veth peer name veth1');
  sysctl('-w', 'net.ipv4.conf.veth0.forwarding=0');
  await until(() => scope.status().pending === 0, 'nothing is left to do');
  expect(sysctl('-n', 'net.ipv4.conf.veth0.forwarding')[0]).toBe('0');
});

test('forwarding is left off when nobody wants it any more', async () => {
  scope.delete('self');
  await scope.settled({ signal: never });
  sysctl('-w', 'net.ipv4.ip_forward=0');
  await heardEverything();
  await scope.settled({ signal: never });
  expect(forwarding()).toEqual(['0', '1']);
});
