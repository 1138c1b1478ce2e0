import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseAddress, parseMac, parsePrefix } from '@overlay/core';
import { openLinux, openNetlink } from '@overlay/linux';
import type { Linux, LinuxObject, NetlinkMessage, NetlinkPort, Scope } from '@overlay/linux';
import { MessageType } from '@overlay/linux/netlink';
import { Namespace, until } from '../netlink/namespace.js';

const DEVICE: readonly LinuxObject[] = [
  {
    kind: 'link',
    name: 'flannel.1',
    type: 'vxlan',
    alias: 'overlay:default',
    mtu: 1450,
    mac: parseMac('02:00:00:00:00:01'),
    up: true,
    vxlan: { vni: 1, port: 8472, local: parseAddress('192.0.2.1'), lower: 'eth0', learning: false, gbp: false },
  },
  { kind: 'address', link: 'flannel.1', address: parseAddress('10.244.1.0'), prefixLength: 32 },
  {
    kind: 'route',
    link: 'flannel.1',
    destination: parsePrefix('10.244.2.0/24'),
    gateway: parseAddress('10.244.2.0'),
    onlink: true,
    metric: 7,
    protocol: 111,
  },
];

let netns: Namespace;
let linux: Linux;
let scope: Scope;
let heard: (message: NetlinkMessage) => boolean;
let listed: (request: Uint8Array) => Promise<void>;

beforeEach(() => {
  netns = new Namespace('devices');
  netns.ip('link set lo up');
  netns.ip('link add eth0 type veth peer name wire');
  netns.ip('address add 192.0.2.1/24 dev eth0');
  netns.ip('link set eth0 up');
  netns.ip('link set wire up');
  heard = () => true;
  listed = () => Promise.resolve();
});

afterEach(async () => {
  await linux.close();
  netns.remove();
});

/** The kernel's port, of which some notifications go astray, and where something may happen at the end of a dump. */
function open(): NetlinkPort {
  const port = openNetlink({ netns: netns.path });
  return {
    send: (messages, options) => port.send(messages, options),
    query: (message, options) => port.query(message, options),
    dump: async (request, each, options) => {
      await port.dump(request, each, options);
      await listed(request);
    },
    monitor: (options) =>
      port.monitor({ ...options, onMessage: (message) => (heard(message) ? options.onMessage(message) : undefined) }),
    close: () => port.close(),
  };
}

async function start(auditMs = 0): Promise<void> {
  linux = openLinux({ netns: netns.path, auditMs, open });
  scope = linux.reconciler.scope('test');
  scope.set('self', DEVICE);
  await scope.settled({ signal: AbortSignal.timeout(20_000) });
}

const device = (): Record<string, unknown> | undefined =>
  netns.show('link show type vxlan').find(({ ifname }) => ifname === 'flannel.1');
const routes = (): number => netns.show('route show proto 111').length;
const told = (): string =>
  scope
    .problems(9)
    .map(({ message }) => message)
    .join('\n');

describe('a device', () => {
  test('that is deleted without a word is made again by the audit', async () => {
    await start(200);
    heard = () => false;
    netns.ip('link del flannel.1');
    await until(() => device() !== undefined && routes() === 1, 'it is back, and what was on it');
  });

  test('that is deleted while the kernel lists it is not taken in again', async () => {
    await start();
    let deleted = false;
    heard = ({ type }) => {
      deleted ||= type === MessageType.deleteLink;
      return true;
    };
    let done = false;
    listed = async (request) => {
      if (done || new DataView(request.buffer, request.byteOffset).getUint16(4, true) !== MessageType.getLink) return;
      done = true;
      netns.ip('link del wire');
      await until(() => deleted, 'it is told');
    };
    linux.reconciler.audit();
    await until(() => done && linux.links.byName('eth0') === undefined, 'the device is known to be gone');
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    expect(linux.links.byName('wire')).toBeUndefined();
    expect(linux.links.byName('eth0')).toBeUndefined();
  });

  test('that somebody puts into a bridge is taken out of it, and carries packets again', async () => {
    await start();
    const index = device()?.['ifindex'];
    netns.ip('link add br0 type bridge');
    netns.ip('link set br0 up');
    netns.ip('link set flannel.1 master br0');
    await until(() => device()?.['master'] === undefined, 'it has no master');
    await until(
      () => routes() === 1 && netns.show('-4 address show dev flannel.1').length === 1 && scope.status().failed === 0,
      'what was on it is back',
    );
    expect(device()).toMatchObject({ ifindex: index, flags: expect.arrayContaining(['UP']) as unknown });
  });

  test('that is down keeps its routes waiting, of which the kernel is asked nothing', async () => {
    await start();
    const [destination, gateway] = [parsePrefix('10.244.3.0/24'), parseAddress('192.0.2.3')];
    const direct = linux.route({ destination, link: 'eth0', gateway, onlink: false });
    scope.set('direct', [direct]);
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    expect(scope.applied('direct')).toBe(true);
    netns.ip('link set eth0 down');
    await until(() => told().includes('waits for the device eth0'), 'it is told');
    const { writes } = linux.session;
    linux.reconciler.audit();
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    const other: LinuxObject = { ...direct, prefSrc: parseAddress('192.0.2.1') };
    scope.set('direct', [other]);
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    expect(linux.session.writes).toBe(writes);
    netns.ip('link set eth0 up');
    await until(() => scope.applied('direct') && scope.status().failed === 0, 'it is there again');
    expect(netns.show('route show 10.244.3.0/24')).toMatchObject([{ dev: 'eth0', prefsrc: '192.0.2.1' }]);
  });

  test('that the kernel refuses is told with its reason, however often that is', async () => {
    netns.ip('link add other0 type vxlan id 1 dstport 8472 local 192.0.2.1 dev eth0');
    await start();
    const refused = (): boolean => (linux.reconciler.writes.get('link') ?? 0) >= 7;
    await until(refused, 'it was tried more often than a device is made in a minute', 20_000);
    expect(told()).toMatch(/flannel\.1.*(EEXIST|EADDRINUSE|exists|in use)/);
    expect(told()).not.toContain('by somebody else');
    netns.ip('link del other0');
    await until(() => device() !== undefined && scope.status().failed === 0, 'it is made', 20_000);
  });
});
