import { addressFamily, prefixContains } from '@overlay/core';
import type { Address, NetConf, Prefix } from '@overlay/core';
import { PROTOCOL_BOOT } from '../kinds/objects.js';
import type { AddressObject, FdbObject, LinkObject, NeighbourObject, RouteObject } from '../kinds/objects.js';
import type { OwnMark } from './design.js';

/** How one agent's objects are told from everybody else's. */
export interface MarkOptions {
  /** The alias on our devices. */
  readonly alias: string;
  /** The protocol numbers that our routes have, or had in an earlier run. */
  readonly routeProtocols: ReadonlySet<number>;
  /** The metric that our route to a prefix has. */
  readonly routeMetric: (destination: Prefix) => number;
  readonly netConf: NetConf;
  /** Networks of configurations that this host had before. */
  readonly recordedNetworks?: readonly Prefix[];
}

/** Whether an address or a prefix lies inside the networks of the configuration. */
export function insideNetworks(netConf: NetConf, prefix: Address | Prefix): boolean {
  const conf = netConf[addressFamily(prefix)];
  return conf !== undefined && prefixContains(conf.network, prefix);
}

/** Whether an address or a prefix lies inside one of some networks. */
function insideAny(networks: readonly Prefix[] | undefined, prefix: Address | Prefix): boolean {
  return networks?.some((network) => prefixContains(network, prefix)) ?? false;
}

/**
 * The marks that any network of ours leaves, whichever backend it had: devices by their alias, routes by their protocol
 * number inside the configured or recorded networks, and flanneld's routes that ours now stand for.
 */
export function commonMarks(options: MarkOptions): readonly OwnMark[] {
  return [
    { kind: 'link', claim: (actual) => (actual as LinkObject).alias === options.alias },
    {
      kind: 'route',
      claim: (actual, wanted) => {
        const route = actual as RouteObject;
        const { netConf, recordedNetworks } = options;
        if (!insideNetworks(netConf, route.destination) && !insideAny(recordedNetworks, route.destination))
          return false;
        if (options.routeProtocols.has(route.protocol)) return true;
        const twin: RouteObject = { ...route, metric: options.routeMetric(route.destination) };
        const ours = wanted(twin);
        return ours !== undefined && isFlannelTwin(route, ours as RouteObject);
      },
      // What is outside the networks, no lease can ask for; in the place of what flanneld made, ours is wanted.
      reaches: (object) => {
        const { destination, protocol } = object as RouteObject;
        const counts = options.routeProtocols.has(protocol) && insideNetworks(options.netConf, destination);
        return counts ? destination : undefined;
      },
    },
  ];
}

/** The marks of a network with devices of its own: the addresses and permanent entries that are on them. */
export function deviceMarks(
  names: readonly string[],
  { netConf, recordedNetworks }: Pick<MarkOptions, 'netConf' | 'recordedNetworks'>,
): readonly OwnMark[] {
  const devices = new Set(names);
  const inside = (address: Address): boolean =>
    insideNetworks(netConf, address) || insideAny(recordedNetworks, address);
  return [
    {
      kind: 'address',
      claim: (actual) => {
        const { link, address } = actual as AddressObject;
        return devices.has(link) && inside(address);
      },
    },
    { kind: 'neighbour', claim: (actual) => devices.has((actual as NeighbourObject).link) },
    { kind: 'fdb', claim: (actual) => devices.has((actual as FdbObject).link) },
  ];
}

/** Whether a route is exactly what flanneld makes for the peer that `ours` is for: metric 0, protocol boot, same way. */
function isFlannelTwin(route: RouteObject, ours: RouteObject): boolean {
  return (
    route.protocol === PROTOCOL_BOOT && route.metric === 0 && route.link === ours.link && route.gateway === ours.gateway
  );
}
