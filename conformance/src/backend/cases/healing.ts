import { deepEqual, equal } from 'node:assert/strict';
import type { Family } from '@overlay/core';
import type { NotApplicable } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { notApplicable } from '../../suite/test-record.js';
import type { KernelItem, KernelView } from '../environment/kernel-view.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import type { BackendTimeouts } from '../timeouts.js';

/** What a test breaks on a host: the commands for it, none when there is nothing of the sort. */
type Breakage = (own: KernelView) => readonly (readonly string[])[];

/** How an object of a route's sort is named to `ip`. */
function routeArguments({ raw }: KernelItem): string[] {
  const { dst, dev, metric } = raw;
  return [String(dst), 'dev', String(dev), ...(metric === undefined ? [] : ['metric', String(Number(metric))])];
}

function familyFlag(family: Family | undefined): string {
  return family === 'ipv6' ? '-6' : '-4';
}

/** Routes that were asked for: those of an own address the kernel makes itself. */
function ownRoutes(own: KernelView): readonly KernelItem[] {
  return own.of('route').filter(({ raw }) => String(raw.protocol) !== '2' && raw.protocol !== 'kernel');
}

function devices(own: KernelView): readonly string[] {
  return own.of('link').map(({ device }) => device);
}

function onEachDevice(argv: (device: string) => readonly (readonly string[])[]): Breakage {
  return (own) => devices(own).flatMap(argv);
}

function heals(
  id: string,
  title: string,
  limit: keyof BackendTimeouts,
  breakage: Breakage,
  missing = 'it has no object of this sort',
): BackendTest {
  return {
    id: `heal-${id}`,
    title: `${title}: it is mended, and packets pass`,
    features: [],
    needs: ['netns'],
    run: async (context): Promise<NotApplicable | undefined> => {
      const world = await context.world({ hosts: 2 });
      await world.join();
      const [host, other] = [world.host(1), world.host(2)];
      const commands = breakage(world.own.get(host) as KernelView);
      if (commands.length === 0) return notApplicable(missing);
      const before = await host.view();
      const streams = [...world.pings(host.pod, other.pod), ...world.pings(other.pod, host.pod)];
      for (const stream of streams) await stream.passes(context.timeouts.converge);
      for (const argv of commands) await host.lab.exec(argv);
      await world.becomes(host, before, context.timeouts[limit], `what was there before ${id}`);
      for (const stream of streams) await stream.passes(context.timeouts[limit]);
      await statusIsGood(context, host);
      return undefined;
    },
  };
}

/** Nothing is told as wrong that was mended. */
export async function statusIsGood(context: BackendTestContext, host: OverlayHost): Promise<void> {
  const { agent } = host.running;
  await agent.ready({ signal: AbortSignal.timeout(context.timeouts.converge) });
  const { network } = agent.status();
  deepEqual([network?.failed, network?.problems], [0, []], `the status of ${host.name} after it was healed`);
  equal(network?.peers, 1);
}

export const healing: readonly BackendTest[] = [
  heals('route-deleted', 'one route was deleted', 'healObject', (own) =>
    // One in each family.
    [...new Map(ownRoutes(own).map((route) => [route.family, route])).values()].map((route) => [
      ...['ip', familyFlag(route.family), 'route', 'del'],
      ...routeArguments(route),
    ]),
  ),
  heals('routes-flushed', 'all own routes were flushed', 'healObject', (own) =>
    [...new Set(ownRoutes(own).map(({ family, raw }) => `${familyFlag(family)} ${String(raw.protocol)}`))].map(
      (each) => {
        const [flag, protocol] = each.split(' ');
        return ['ip', flag, 'route', 'flush', 'proto', protocol];
      },
    ),
  ),
  heals('neighbours-flushed', 'neighbours were flushed, permanent ones too', 'healObject', (own) =>
    own.of('neighbour').length === 0
      ? []
      : [
          ['ip', 'neigh', 'flush', 'all', 'nud', 'permanent'],
          ['ip', 'neigh', 'flush', 'all'],
        ],
  ),
  heals('fdb-flushed', 'the forwarding entries of tunnels were deleted', 'healObject', (own) =>
    own
      .of('fdb')
      .map(({ raw, device }) => ['bridge', 'fdb', 'del', String(raw.mac), 'dev', device, 'dst', String(raw.dst)]),
  ),
  heals(
    'device-deleted',
    'own devices were deleted',
    'healDevice',
    onEachDevice((device) => [['ip', 'link', 'del', device]]),
    'it brings no device',
  ),
  heals(
    'device-down',
    'own devices were set down',
    'healDevice',
    onEachDevice((device) => [['ip', 'link', 'set', device, 'down']]),
    'it brings no device',
  ),
  heals(
    'device-mac',
    'the MAC of own devices was changed',
    'healDevice',
    (own) =>
      own
        .of('link')
        .filter(({ raw }) => raw.link_type === 'ether')
        .map(({ device }) => ['ip', 'link', 'set', device, 'address', '02:11:22:33:44:55']),
    'it brings no Ethernet device',
  ),
  heals(
    'device-mtu',
    'the MTU of own devices was changed',
    'healDevice',
    onEachDevice((device) => [['ip', 'link', 'set', device, 'mtu', '1300']]),
    'it brings no device',
  ),
  heals('address-removed', 'the addresses of own devices were removed', 'healDevice', (own) =>
    [...new Set(own.of('address').map(({ device }) => device))].map((device) => ['ip', 'addr', 'flush', 'dev', device]),
  ),
];
