import { equal, ok } from 'node:assert/strict';
import type { Address, PerFamily } from '@overlay/core';
import { addressAt, prefixLength } from '@overlay/core';
import { ping } from '@overlay/lab';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import type { PingStream } from '../environment/ping-stream.js';
import type { World } from '../environment/world.js';
import { until } from '../../suite/until.js';
import { statusIsGood } from './healing.js';

interface Joined {
  readonly world: World;
  readonly host: OverlayHost;
  readonly other: OverlayHost;
  readonly streams: readonly PingStream[];
}

async function joined(context: BackendTestContext): Promise<Joined> {
  const world = await context.world({ hosts: 2 });
  await world.join();
  const [host, other] = [world.host(1), world.host(2)];
  const streams = [...world.pings(host.pod, other.pod), ...world.pings(other.pod, host.pod)];
  for (const stream of streams) await stream.passes(context.timeouts.converge);
  return { world, host, other, streams };
}

/** Lines for `ip -batch` that give the host's interface its addresses and default routes. */
function addressing({ lab }: OverlayHost, addresses: PerFamily<Address>): string[] {
  const { prefixes, gateways } = lab.plan.segment;
  return Object.entries(addresses).flatMap(([family, address]) => {
    const length = prefixLength(prefixes[family as 'ipv4' | 'ipv6'] ?? ('' as never));
    const gateway = gateways[family as 'ipv4' | 'ipv6'];
    return [
      `addr add ${address}/${length} dev eth0${family === 'ipv6' ? ' nodad' : ''}`,
      `route replace default via ${gateway}`,
    ];
  });
}

async function batch(netns: string, lines: readonly string[], host: OverlayHost): Promise<void> {
  await host.lab.exec(['ip', '-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Deletes the host's interface and makes it again, as a driver does that is loaded anew: with the same MAC. */
async function recreateInterface({ lab }: World, host: OverlayHost): Promise<void> {
  const { stdout } = await host.lab.exec(['ip', '-d', '-j', 'link', 'show', 'eth0']);
  const [{ address, mtu }] = JSON.parse(stdout) as [{ address: string; mtu: number }];
  const { name, segment } = host.lab.plan;
  await host.lab.exec(['ip', 'link', 'del', 'eth0']);
  await batch(
    lab.topology.routerNetns,
    [
      `link add ${name} mtu ${mtu} type veth peer name eth0 address ${address} mtu ${mtu} netns ${host.lab.netns}`,
      `link set ${name} master ${segment.bridge} up`,
    ],
    host,
  );
  const linkLocal = [`link set eth0 addrgenmode none`, `addr add fe80::aa/64 dev eth0 nodad`];
  const lines = [...(lab.topology.families.includes('ipv6') ? linkLocal : []), 'link set eth0 up'];
  await batch(host.lab.netns, [...lines, ...addressing(host, host.lab.addresses)], host);
}

async function interfaceAgain(context: BackendTestContext): Promise<void> {
  const { world, host, other, streams } = await joined(context);
  const [before, otherBefore] = [await host.view(), await other.view()];
  const index = host.running.agent.status().host?.interface.index;
  await recreateInterface(world, host);
  await world.becomes(host, before, context.timeouts.healHost, 'everything on the new interface');
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await world.becomes(other, otherBefore, context.timeouts.healHost, 'what a peer had');
  ok(host.running.agent.status().host?.interface.index !== index, 'the test did not make a new interface');
  await statusIsGood(context, host);
}

async function addressChanged(context: BackendTestContext): Promise<void> {
  const { world, host, other, streams } = await joined(context);
  const subnets = host.running.agent.status().ownLease?.subnets;
  const was = host.lab.addresses;
  const { prefixes } = host.lab.plan.segment;
  const becomes = Object.fromEntries(
    world.families.map((family) => [family, addressAt(prefixes[family] ?? ('' as never), 150)]),
  ) as PerFamily<Address>;
  const removals = world.families.map(
    (family) => `addr del ${was[family]}/${prefixLength(prefixes[family] ?? ('' as never))} dev eth0`,
  );
  await batch(host.lab.netns, [...removals, ...addressing(host, becomes)], host);
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  // Peers' kernels know the new address, and the old one no more.
  const shown = async (): Promise<string> => (await other.view()).items.map(({ text }) => text).join('\n');
  const mentions = (text: string, address: Address): boolean =>
    text.includes(`"${address}"`) || text.includes(`${address} `);
  for (const family of world.families) {
    const [old, now] = [was[family] as Address, becomes[family] as Address];
    await until(`a peer sends to ${now}, and not to ${old}`, context.timeouts.healHost, async () => {
      const text = await shown();
      return (
        (mentions(text, now) || text.includes(`dst ${now}`)) && !mentions(text, old) && !text.includes(`dst ${old}`)
      );
    });
  }
  equal(JSON.stringify(host.running.agent.status().ownLease?.subnets), JSON.stringify(subnets), 'the subnet stays');
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await statusIsGood(context, host);
}

async function mtuFollows(context: BackendTestContext): Promise<void> {
  const { world, host, other, streams } = await joined(context);
  const before = await host.view();
  const told = host.running.agent.status().mtu ?? 0;
  const lowerBy = 100;
  const mtu = world.lab.topology.mtu;
  await host.lab.exec(['ip', 'link', 'set', 'eth0', 'mtu', String(mtu - lowerBy)]);
  await until(
    () => `the MTU told goes from ${told} to ${told - lowerBy}; it is ${host.running.agent.status().mtu}`,
    context.timeouts.healHost,
    () => host.running.agent.status().mtu === told - lowerBy,
  );
  for (const family of world.families) {
    const to = other.pod.addresses[family] as Address;
    let result = await ping(host.pod, to, { count: 3, packetSize: told - lowerBy });
    await until(
      () => `packets of ${told - lowerBy} bytes pass in ${family}: ${result.problem}`,
      context.timeouts.healHost,
      async () => {
        result = await ping(host.pod, to, { count: 3, packetSize: told - lowerBy });
        return result.received === result.sent;
      },
    );
  }
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await host.lab.exec(['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)]);
  await until(
    `the MTU told goes back to ${told}`,
    context.timeouts.healHost,
    () => host.running.agent.status().mtu === told,
  );
  await world.becomes(host, before, context.timeouts.healHost, 'what was there before the MTU was lowered');
  for (const stream of streams) await stream.passes(context.timeouts.healHost);
  await statusIsGood(context, host);
}

export const following: readonly BackendTest[] = [
  {
    id: 'host-interface-again',
    title: 'the external interface was deleted and made again: everything is on the new one, and packets pass',
    features: [],
    needs: ['netns'],
    run: interfaceAgain,
  },
  {
    id: 'host-address-changed',
    title: "the external interface's addresses changed: peers follow, the subnet stays, and packets pass",
    features: [],
    needs: ['netns'],
    run: addressChanged,
  },
  {
    id: 'host-mtu-changed',
    title: "the external interface's MTU was lowered and raised: what is told, and passes, follows",
    features: [],
    needs: ['netns'],
    run: mtuFollows,
  },
];
