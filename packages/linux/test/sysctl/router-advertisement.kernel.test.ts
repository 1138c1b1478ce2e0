import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readDefaultRoutes } from '../../dist/host/index.js';
import type { DefaultRoute } from '../../dist/host/index.js';
import { openNetlink } from '../../dist/netlink/index.js';
import type { NetlinkPort } from '../../dist/netlink/index.js';
import { netnsProcFiles } from '../../dist/proc/index.js';
import { prepareForwarding, Sysctl } from '../../dist/sysctl/index.js';
import { TestHost } from '../host/test-host.js';

/** Sends one router advertisement (RFC 4861, 4.2) with a lifetime of 1800 s; the kernel adds the checksum. */
const ADVERTISE = `
  socket(my $s, 10, 3, 58) or die "socket: $!";
  setsockopt($s, 41, 17, pack('i', $ARGV[0])) or die "interface: $!";
  setsockopt($s, 41, 18, pack('i', 255)) or die "hops: $!";
  my $all_nodes = pack('SnN', 10, 0, 0) . pack('H32', 'ff02' . '0' x 27 . '1') . pack('L', $ARGV[0]);
  send($s, pack('CCnCCnNN', 134, 0, 0, 64, 0, 1800, 0, 0), 0, $all_nodes) or die "send: $!";
`;

let host: TestHost;
let router: TestHost;
let netlink: NetlinkPort;

beforeEach(async () => {
  host = await TestHost.create('ra');
  router = await TestHost.create('router');
  netlink = openNetlink({ netns: host.path });
  // Link-local addresses are usable at once when nobody looks for duplicates of them.
  for (const each of [host, router]) await each.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
  await host.ip(`link add eth0 type veth peer name eth0 netns ${router.name}`);
  await host.ip('link set eth0 up');
  await router.ip('link set eth0 up');
});

afterEach(async () => {
  netlink.close();
  await host.remove();
  await router.remove();
});

const advertised = async (): Promise<DefaultRoute | undefined> =>
  (await readDefaultRoutes(netlink, ['ipv6'])).find(({ protocol }) => protocol === 9);

/** Advertises until the host has taken the route: the first ones may come before both ends have an address. */
async function advertise(): Promise<DefaultRoute> {
  const index = /^(\d+): eth0/m.exec(await router.ip('-o link'))?.[1] ?? '';
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(20)) {
    await router.run('perl', '-e', ADVERTISE, index).catch(() => undefined);
    const route = await advertised();
    if (route !== undefined) return route;
  }
  throw new Error('the host took no router advertisement within 10 s');
}

describe('a default route from a router advertisement', () => {
  test('stays when forwarding is switched on as we do it', async () => {
    const route = await advertise();
    const sysctl = new Sysctl({ files: netnsProcFiles(host.path) });
    const names = new Map(route.nexthops.map(({ index }) => [index, 'eth0']));
    expect(await prepareForwarding(sysctl, { ipv4: false, ipv6: true, defaultRoutes: [route], names })).toEqual([]);
    expect(await sysctl.read('net/ipv6/conf/all/forwarding')).toBe('1');
    expect(await advertised()).toEqual(route);
  });

  test('goes when it is only switched on, which is what the care is for', async () => {
    await advertise();
    await host.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    expect(await advertised()).toBeUndefined();
  });
});
