import type { Family } from '@overlay/core';
import type { Disturbance } from '../environment.js';
import type { ViewItem } from '../view.js';
import { View } from '../view.js';
import { requestedRoutes } from './kernel-attachment.js';

type Argv = readonly string[];

const OTHER_MAC = '02:11:22:33:44:55';
const OTHER_MTU = '1300';

/** How a route is named to `ip`. */
function routeArguments({ raw }: ViewItem): Argv {
  const { dst, dev, metric, table } = raw;
  const more = Object.entries({ metric, table }).filter(([, value]) => value !== undefined);
  return [String(dst), 'dev', String(dev), ...more.flatMap(([name, value]) => [name, String(Number(value))])];
}

function familyFlag(family: Family | undefined): string {
  return family === 'ipv6' ? '-6' : '-4';
}

function onEachDevice(own: View, argv: (device: string) => Argv): readonly Argv[] {
  return own.of('link').map(({ device }) => argv(device));
}

/** Without devices that are the other end of one that is there. */
function withoutPeers(own: View): View {
  const names = new Set<unknown>();
  return new View(
    own.items.filter(({ kind, device, raw }) => {
      if (kind !== 'link') return true;
      names.add(device);
      return !names.has(raw.link);
    }),
  );
}

/** One route in each family. */
function oneRouteEach(own: View): readonly Argv[] {
  const one = new Map(requestedRoutes(own).map((route) => [route.family, route]));
  return [...one.values()].map((route) => [
    ...['ip', familyFlag(route.family), 'route', 'del'],
    ...routeArguments(route),
  ]);
}

function flushRoutes(own: View): readonly Argv[] {
  const sorts = new Set(requestedRoutes(own).map(({ family, raw }) => `${familyFlag(family)} ${String(raw.protocol)}`));
  return [...sorts].map((sort) => {
    const [flag, protocol] = sort.split(' ');
    return ['ip', flag, 'route', 'flush', 'proto', protocol];
  });
}

const FLUSH_NEIGHBOURS: readonly Argv[] = [
  ['ip', 'neigh', 'flush', 'all', 'nud', 'permanent'],
  ['ip', 'neigh', 'flush', 'all'],
];

const BY_DISTURBANCE: Readonly<Record<Disturbance, (own: View) => readonly Argv[]>> = {
  'route-deleted': oneRouteEach,
  'routes-flushed': flushRoutes,
  'neighbours-flushed': (own) => (own.of('neighbour').length === 0 ? [] : FLUSH_NEIGHBOURS),
  'fdb-flushed': (own) =>
    own
      .of('fdb')
      .map(({ raw, device }) => ['bridge', 'fdb', 'del', String(raw.mac), 'dev', device, 'dst', String(raw.dst)]),
  // One of a pair goes with the other one.
  'device-deleted': (own) => onEachDevice(withoutPeers(own), (device) => ['ip', 'link', 'del', device]),
  'device-down': (own) => onEachDevice(own, (device) => ['ip', 'link', 'set', device, 'down']),
  'device-mac': (own) =>
    own
      .of('link')
      .filter(({ raw }) => raw.link_type === 'ether')
      .map(({ device }) => ['ip', 'link', 'set', device, 'address', OTHER_MAC]),
  'device-mtu': (own) => onEachDevice(own, (device) => ['ip', 'link', 'set', device, 'mtu', OTHER_MTU]),
  'address-removed': (own) =>
    [...new Set(own.of('address').map(({ device }) => device))].map((device) => ['ip', 'addr', 'flush', 'dev', device]),
};

/** The commands that do it to what a view shows; none when there is nothing of the sort. */
export function commandsFor(what: Disturbance, own: View): readonly Argv[] {
  return BY_DISTURBANCE[what](own);
}
