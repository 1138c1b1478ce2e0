import { afterEach, describe, expect, test } from '@jest/globals';
import { memory, MemoryFabric, openMemory } from '@overlay/backend-memory';
import type { MemoryKernel, MemoryRoute } from '@overlay/backend-memory';
import type { Address } from '@overlay/core';
import { Agent, parseAddress, parseNetConf, parsePrefix, StaticSubnetManager } from '@overlay/core';

const NET_CONF = parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"memory"}}');
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** Two hosts that know each other, with a pod each. */
async function joined(): Promise<MemoryFabric> {
  const fabric = new MemoryFabric({ hosts: 2, families: ['ipv4'] });
  const subnetManager = new StaticSubnetManager({ netConf: NET_CONF });
  open.push(subnetManager);
  for (const host of fabric.hosts) {
    const kernel = openMemory(host);
    const agent = new Agent({ hostId: host.name, subnetManager, backends: [memory({ kernel })], host$: kernel.host$ });
    open.push(kernel, { close: () => agent.stop() });
    await agent.start();
    await agent.ready({ signal: AbortSignal.timeout(5000) });
    const { ownLease, mtu } = agent.status();
    const address = ownLease?.subnets.ipv4?.replace(/\.0\/24$/, '.2');
    host.addPod({ ipv4: address as Address }, mtu ?? 0);
  }
  const [first, second] = fabric.hosts;
  const end = Date.now() + 5000;
  while (first.table.routes.length === 0 || second.table.routes.length === 0) {
    if (Date.now() > end) throw new Error('the hosts do not learn of each other');
    await new Promise((resolve) => setImmediate(resolve));
  }
  return fabric;
}

describe('a fabric carries a packet', () => {
  test('to the pod that has the address, and the answer back', async () => {
    const fabric = await joined();
    const [a, b] = fabric.hosts.map(({ pods }) => pods[0]);
    const to = b.addresses.ipv4 as Address;
    expect(fabric.send(a, { source: a.addresses.ipv4 as Address, destination: to, bytes: 84 }).pod).toBe(b);
    expect(fabric.ping(a, to)).toBeUndefined();
  });

  test('up to the size that the tunnel leaves, and not a byte more', async () => {
    const fabric = await joined();
    const [host, other] = fabric.hosts;
    const large = host.addPod({ ipv4: host.pods[0].addresses.ipv4 }, 1500);
    const to = other.pods[0].addresses.ipv4 as Address;
    expect(fabric.ping(large, to, 1480)).toBeUndefined();
    expect(fabric.ping(large, to, 1481)).toMatch(/1481 bytes are too large for tunnel mem1/);
  });

  test('not from a source that the sender has no right to', async () => {
    const fabric = await joined();
    const [a, b] = fabric.hosts.map(({ pods }) => pods[0]);
    const packet = { source: parseAddress('10.99.77.2'), destination: b.addresses.ipv4 as Address, bytes: 84 };
    expect(fabric.send(a, packet).dropped).toMatch(/h2 knows no peer at 192\.168\.77\.10 with 10\.99\.77\.2/);
  });

  test('not through a tunnel that is down, nor where there is no way', async () => {
    const fabric = await joined();
    const [host, other] = fabric.hosts;
    const to = other.pods[0].addresses.ipv4 as Address;
    const [tunnel] = other.table.tunnels;
    // As if done by the agent itself, which is therefore not told and does not mend it at once.
    other.table.set({ ...tunnel, up: false }, undefined);
    expect(fabric.ping(host.pods[0], to)).toMatch(/h2 has no tunnel on channel 1/);
    expect(fabric.ping(host.pods[0], parseAddress('10.99.0.2'))).toMatch(/no pod and no route for 10\.99\.0\.2/);
  });
});

describe('a table', () => {
  let kernel: MemoryKernel;

  test('loses what is on a tunnel with the tunnel, and tells of the tunnel only', () => {
    const [host] = new MemoryFabric({ hosts: 1, families: ['ipv4'] }).hosts;
    kernel = openMemory(host);
    open.push(kernel);
    const { table } = host;
    const told: string[] = [];
    table.changes$.subscribe(({ type, object }) => told.push(`${type} ${object.kind}`));
    const tunnel = {
      kind: 'memory-tunnel',
      name: 't',
      channel: 9,
      mtu: 1400,
      up: true,
      checksSource: true,
      owner: 'x',
    } as const;
    const route: MemoryRoute = {
      kind: 'memory-route',
      destination: parsePrefix('10.0.0.0/24'),
      priority: 0,
      tunnel: 't',
      via: parseAddress('192.168.77.9'),
      owner: 'x',
    };
    expect(() => table.set(route, 'me')).toThrow(expect.objectContaining({ code: 'OVERLAY_LINK_MISSING' }));
    table.set(tunnel, 'me');
    table.set(route, 'me');
    table.delete(tunnel, 'me');
    expect(table.routes).toEqual([]);
    expect(told).toEqual(['set memory-tunnel', 'set memory-route', 'deleted memory-tunnel']);
  });

  test('is open for as many processes as have not closed it', async () => {
    const [host] = new MemoryFabric({ hosts: 1, families: ['ipv4'] }).hosts;
    const [first, second] = [openMemory(host), openMemory(host, { instance: 'second' })];
    expect(host.processes).toBe(2);
    await first.close();
    await first.close();
    expect(host.processes).toBe(1);
    await second.close();
    expect(host.processes).toBe(0);
  });
});

test('the backend refuses a channel that is none, naming it', () => {
  const [host] = new MemoryFabric({ hosts: 1, families: ['ipv4'] }).hosts;
  const kernel = openMemory(host);
  open.push(kernel);
  const netConf = parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"memory","Channel":0}}');
  expect(() => memory({ kernel }).create({ netConf, hostId: 'h' })).toThrow(
    expect.objectContaining({ code: 'OVERLAY_CONFIG_INVALID', key: 'Backend.Channel' }),
  );
});
