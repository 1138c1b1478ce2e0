import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import type { Address, Host } from '@overlay/core';
import { openLinux, openNetlink } from '@overlay/linux';
import type { Adjacency, Linux } from '@overlay/linux';
import { MessageType } from '@overlay/linux/netlink';
import { firstMessage } from '../../dist/netlink/message.js';
import { FaultyNetlink } from '@overlay/linux/testing';
import { Namespace, until } from '../netlink/namespace.js';

let netns: Namespace;
let linux: Linux;
let adjacency: Adjacency;
let host: Host;
let ports: CountingNetlink[];

/** Counts how often the kernel is asked for a route. */
class CountingNetlink extends FaultyNetlink {
  lookups = 0;

  override query(...args: Parameters<FaultyNetlink['query']>): ReturnType<FaultyNetlink['query']> {
    if (firstMessage(args[0]).type === MessageType.getRoute) this.lookups++;
    return super.query(...args);
  }
}

const lookups = (): number => ports.reduce((sum, port) => sum + port.lookups, 0);

beforeEach(async () => {
  netns = new Namespace('adjacency');
  netns.ip('link add eth0 type veth peer name wire');
  netns.ip('address add 192.0.2.1/24 dev eth0');
  for (const name of ['lo', 'eth0', 'wire']) netns.ip(`link set ${name} up`);
  netns.ip('route add 198.51.100.0/24 dev eth0');
  netns.ip('route add 10.0.0.0/8 via 192.0.2.254');
  ports = [];
  linux = openLinux({
    netns: netns.path,
    open: () => {
      const port = new CountingNetlink(openNetlink({ netns: netns.path }));
      ports.push(port);
      return port;
    },
  });
  adjacency = await linux.adjacency({ confirmed: false });
  const [{ ifindex }] = netns.show('link show eth0') as [{ ifindex: number }];
  const own = parseAddress('192.0.2.1');
  host = {
    interface: { name: 'eth0', index: ifindex, mtu: 1500, broadcast: true },
    ipv4: { address: own, publicIP: own },
  };
});

afterEach(async () => {
  adjacency.close();
  await linux.close();
  netns.remove();
});

async function follow(address: Address): Promise<void> {
  adjacency.follow(`peer ${address}`, [address], []);
  await until(() => adjacency.verdict(address, host) !== undefined, `the way to ${address} is known`);
}

test('a neighbour stays one while the kernel cannot be asked, which is tried again', async () => {
  const address = parseAddress('198.51.100.9');
  await follow(address);
  expect(adjacency.verdict(address, host)).toEqual({ direct: true });
  const verdicts = new Set<boolean | undefined>();
  adjacency.changes(() => verdicts.add(adjacency.verdict(address, host)?.direct));
  const isLookup = (message: { type: number }): boolean => message.type === MessageType.getRoute;
  for (const fault of ['ENOBUFS', 'EBUSY', 'closed'] as const) ports[0].failNext('query', fault, isLookup);
  const before = lookups();
  netns.ip('route add 198.51.100.8/29 dev eth0 metric 7');
  // Each fault is one question in vain; the next one has an answer.
  await until(() => lookups() >= before + 3, 'the kernel has been asked in vain');
  expect(adjacency.verdict(address, host)).toEqual({ direct: true });
  netns.ip('route add blackhole 198.51.100.9/32');
  await until(() => adjacency.verdict(address, host)?.direct === false, 'what changed meanwhile is found out');
  expect(adjacency.verdict(address, host)?.reason).toContain('198.51.100.9 cannot be reached');
  expect(verdicts).toEqual(new Set([false]));
});

test('a way that could not be asked for at first is asked for again', async () => {
  const isLookup = (message: { type: number }): boolean => message.type === MessageType.getRoute;
  for (let each = 0; each < 3; each++) ports[0].failNext('query', 'EAGAIN', isLookup);
  await follow(parseAddress('198.51.100.10'));
  expect(adjacency.verdict(parseAddress('198.51.100.10'), host)).toEqual({ direct: true });
  expect(lookups()).toBe(4);
});

test('only those are asked for again whom a change can concern', async () => {
  const peers = Array.from({ length: 100 }, (_, at) => parseAddress(`10.9.0.${at + 1}`));
  for (const peer of peers) await follow(peer);
  expect(adjacency.verdict(peers[6], host)?.reason).toContain('behind the router 192.0.2.254');
  const before = lookups();
  let told = 0;
  adjacency.changes(() => told++);
  // A pod: a device with addresses of its own, and a route to it.
  netns.ip('link add pod0 type veth peer name pod1');
  for (const name of ['pod0', 'pod1']) netns.ip(`link set ${name} up`);
  netns.ip('address add 10.244.1.1/32 dev pod0');
  netns.ip('route add 10.244.1.5/32 dev pod0');
  netns.ip('address del 10.244.1.1/32 dev pod0');
  netns.ip('link del pod0');
  netns.ip('route add 10.9.0.7/32 dev eth0');
  await until(() => adjacency.verdict(peers[6], host)?.direct === true, 'the one that is concerned is judged anew');
  expect(lookups()).toBe(before + 1);
  expect(told).toBe(1);

  // A device that loses an address may lose any route.
  netns.ip('address del 192.0.2.1/24 dev eth0');
  await until(() => adjacency.verdict(peers[0], host)?.reason?.includes('cannot be reached') === true, 'none is left');
  expect(lookups()).toBeGreaterThanOrEqual(before + 101);
});
