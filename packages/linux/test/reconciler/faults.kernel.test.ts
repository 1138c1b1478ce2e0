import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseAddress, parseMac, parsePrefix } from '@overlay/core';
import { openLinux, openNetlink } from '@overlay/linux';
import type { Linux, LinuxObject, Scope } from '@overlay/linux';
import { AddressFamily, MessageType } from '@overlay/linux/netlink';
import type { NetlinkMessage } from '@overlay/linux/netlink';
import { FaultyNetlink } from '@overlay/linux/testing';
import type { FaultyOperation, NetlinkFault } from '@overlay/linux/testing';
import { Namespace, until } from '../netlink/namespace.js';

/** Longer than the first retries of anything, and far from the audit. */
const CONVERGED_MS = 20_000;

let netns: Namespace;
let linux: Linux;
let scope: Scope;
/** The ports that the layer has opened: it opens another one when one turns out to be closed. */
let ports: FaultyNetlink[];

beforeEach(() => {
  netns = new Namespace('faults');
  netns.ip('link set lo up');
  netns.ip('link add eth0 type veth peer name wire');
  netns.ip('address add 192.0.2.1/24 dev eth0');
  netns.ip('link set eth0 up');
  netns.ip('link set wire up');
  ports = [];
  linux = openLinux({
    netns: netns.path,
    auditMs: 0,
    open: () => {
      const port = new FaultyNetlink(openNetlink({ netns: netns.path }));
      ports.push(port);
      return port;
    },
  });
  scope = linux.reconciler.scope('test');
});

afterEach(async () => {
  await linux.close();
  netns.remove();
});

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
  { kind: 'device-settings', link: 'flannel.1' },
  { kind: 'address', link: 'flannel.1', address: parseAddress('10.244.1.0'), prefixLength: 32 },
];

function peer(at: number): readonly LinuxObject[] {
  const gateway = parseAddress(`10.244.${at}.0`);
  const mac = parseMac(`02:00:00:00:01:0${at}`);
  const destination = parsePrefix(`${gateway}/24`);
  return [
    { kind: 'neighbour', link: 'flannel.1', address: gateway, mac },
    { kind: 'fdb', link: 'flannel.1', mac, dst: parseAddress(`192.0.2.${at}`) },
    { kind: 'route', link: 'flannel.1', destination, gateway, onlink: true, metric: 7, protocol: 111 },
  ];
}

/** What the kernel holds of ours, in a form to be compared. */
function held(): Record<string, unknown> {
  const [device] = netns.show('link show type vxlan') as [{ mtu?: number; address?: string; flags?: string[] }?];
  return {
    device: device && [device.mtu, device.address, device.flags?.includes('UP')],
    addresses: netns
      .show('-4 address show dev flannel.1')
      .flatMap(({ addr_info: found }) => (found as { local: string }[]).map(({ local }) => local)),
    neighbours: netns.show('neigh show nud permanent').map(({ dst, lladdr }) => `${String(dst)} ${String(lladdr)}`),
    fdb: netns
      .showBridge('fdb show')
      .filter(({ dst }) => dst !== undefined)
      .map(({ mac, dst }) => `${String(mac)} ${String(dst)}`),
    routes: netns.show('route show proto 111').map(({ dst, gateway }) => `${String(dst)} ${String(gateway)}`),
  };
}

function wanted(...peers: number[]): Record<string, unknown> {
  return {
    device: [1450, '02:00:00:00:00:01', true],
    addresses: ['10.244.1.0'],
    neighbours: peers.map((at) => `10.244.${at}.0 02:00:00:00:01:0${at}`),
    fdb: peers.map((at) => `02:00:00:00:01:0${at} 192.0.2.${at}`),
    routes: peers.map((at) => `10.244.${at}.0/24 10.244.${at}.0`),
  };
}

function sorted(state: Record<string, unknown>): string {
  return JSON.stringify(state, (_, value: unknown) =>
    Array.isArray(value) && value.every((item) => typeof item === 'string') ? [...value].sort() : value,
  );
}

async function converges(...peers: number[]): Promise<void> {
  const expected = sorted(wanted(...peers));
  const is = (): boolean => {
    try {
      return sorted(held()) === expected;
    } catch {
      // The device is not there yet.
      return false;
    }
  };
  await until(is, `the kernel holds ${expected}`, CONVERGED_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}; it holds ${sorted(held())}; ${JSON.stringify(scope.problems(5))}`);
  });
}

const family = ({ buffer, start }: NetlinkMessage): number => buffer[start] ?? -1;
const ofType =
  (...types: number[]) =>
  (message: NetlinkMessage): boolean =>
    types.includes(message.type);
const SUBJECTS: Readonly<Record<string, (message: NetlinkMessage) => boolean>> = {
  link: ofType(MessageType.newLink, MessageType.getLink),
  address: ofType(MessageType.newAddress, MessageType.getAddress),
  neighbour: (message) =>
    ofType(MessageType.newNeighbour, MessageType.getNeighbour)(message) && family(message) !== AddressFamily.bridge,
  fdb: (message) =>
    ofType(MessageType.newNeighbour, MessageType.getNeighbour)(message) && family(message) === AddressFamily.bridge,
  route: ofType(MessageType.newRoute, MessageType.getRoute),
};
const REMOVALS: Readonly<Record<string, (message: NetlinkMessage) => boolean>> = {
  neighbour: (message) => message.type === MessageType.deleteNeighbour && family(message) !== AddressFamily.bridge,
  fdb: (message) => message.type === MessageType.deleteNeighbour && family(message) === AddressFamily.bridge,
  route: ofType(MessageType.deleteRoute),
};
const SEND_FAULTS: readonly NetlinkFault[] = ['ENOBUFS', 'EINTR', 'EBUSY', 'EAGAIN', 'overflow', 'closed'];
const DUMP_FAULTS: readonly NetlinkFault[] = ['ENOBUFS', 'EINTR', 'EBUSY', 'EAGAIN', 'DUMP_INTR', 'closed'];

function inject(operation: FaultyOperation, fault: NetlinkFault, match?: (message: NetlinkMessage) => boolean) {
  // The port that is in use: opened by the first request, and again after each loss.
  void linux.session.port;
  const port = ports.at(-1);
  if (!port) throw new Error('no port is open');
  return port.failNext(operation, fault, match);
}

describe.each(Object.entries(SUBJECTS))('%s', (name, match) => {
  test.each(SEND_FAULTS)('adding fails with %s', async (fault) => {
    const injected = inject('send', fault, match);
    scope.set('', DEVICE);
    scope.set('p2', peer(2));
    await converges(2);
    expect(injected.consumed).toBe(true);
  });

  test.each(DUMP_FAULTS)('reading fails with %s', async (fault) => {
    const injected = inject('dump', fault, match);
    scope.set('', DEVICE);
    scope.set('p2', peer(2));
    await converges(2);
    expect(injected.consumed).toBe(true);
  });

  const removal = REMOVALS[name];
  if (!removal) return;
  test.each(SEND_FAULTS)('removing fails with %s', async (fault) => {
    scope.set('', DEVICE);
    scope.set('p2', peer(2));
    scope.set('p3', peer(3));
    await converges(2, 3);
    const injected = inject('send', fault, removal);
    scope.delete('p3');
    await converges(2);
    expect(injected.consumed).toBe(true);
  });
});

test.each(['EINTR', 'EBUSY', 'EAGAIN', 'closed'] as const)('reading a device back fails with %s', async (fault) => {
  const injected = inject('query', fault, SUBJECTS.link);
  scope.set('', DEVICE);
  scope.set('p2', peer(2));
  await converges(2);
  expect(injected.consumed).toBe(true);
});

describe('notifications', () => {
  beforeEach(async () => {
    scope.set('', DEVICE);
    scope.set('p2', peer(2));
    await converges(2);
  });

  test.each(['ENOBUFS', 'overflow', 'closed'] as const)('the one that tells of a loss is lost: %s', async (fault) => {
    const injected = inject('monitor', fault);
    netns.ip('route del 10.244.2.0/24');
    await converges(2);
    expect(injected.consumed).toBe(true);
    netns.ip('neigh flush all nud permanent');
    await converges(2);
  });

  test('the socket breaks and cannot be opened at once', async () => {
    const broken = inject('monitor', 'closed');
    const refused = inject('monitor', 'EBUSY');
    netns.ip('link del flannel.1');
    await converges(2);
    expect([broken.consumed, refused.consumed]).toEqual([true, true]);
    netns.ip('route del 10.244.2.0/24');
    await converges(2);
  });
});

test('a change of a device that the kernel refuses is told, tried again later, and holds nothing else up', async () => {
  scope.set('', DEVICE);
  scope.set('p2', peer(2));
  await converges(2);
  const before = linux.reconciler.writes.get('link') ?? 0;
  const [device, ...rest] = DEVICE;
  // More than a VXLAN device may have.
  scope.set('', [{ ...device, mtu: 1_000_000 } as LinuxObject, ...rest]);
  await scope.settled({ signal: AbortSignal.timeout(CONVERGED_MS) });
  expect(scope.problems(5)).toEqual([expect.objectContaining({ message: expect.stringContaining('flannel.1') })]);
  expect((linux.reconciler.writes.get('link') ?? 0) - before).toBeLessThan(4);
  scope.set('p3', peer(3));
  await converges(2, 3);
});
