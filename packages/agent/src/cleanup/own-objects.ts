import type { Prefix } from '@overlay/core';
import { addressFamily, prefixContains } from '@overlay/core';
import type {
  FdbEntry,
  InterfaceAddress,
  Link,
  Neighbour,
  NetlinkMessage,
  NetlinkPort,
  Route,
} from '@overlay/linux/netlink';
import {
  decodeAddress,
  decodeFdb,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  dumpAddresses,
  dumpFdb,
  dumpLinks,
  dumpNeighbours,
  dumpRoutes,
  RouteProtocol,
  RouteTable,
} from '@overlay/linux/netlink';
import type { OwnProgram } from './own-programs.js';
import { readOwnPrograms } from './own-programs.js';

/** How the objects of one agent are known. */
export interface OwnMarks {
  /** The alias on its devices. */
  readonly alias: string;
  /** The protocol numbers on its routes. */
  readonly routeProtocols: ReadonlySet<number>;
  /** The networks inside which routes with such a number are its own; elsewhere they are only on its devices. */
  readonly networks: readonly Prefix[];
}

/** A device, with everything on it that goes when it goes. What the kernel made by itself is not told. */
export interface OwnDevice {
  readonly link: Link;
  readonly addresses: readonly InterfaceAddress[];
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
  /** Routes through it that do not bear our protocol number. */
  readonly otherRoutes: readonly Route[];
}

/** What one agent has in the kernel of a network namespace. */
export interface OwnObjects {
  readonly devices: readonly OwnDevice[];
  readonly routes: readonly Route[];
  /** Programs on any device; those on its own devices go with them. */
  readonly programs: readonly OwnProgram[];
  /** Routes with our protocol number elsewhere: somebody else's, or of a network that is not known any more. */
  readonly unsure: readonly Route[];
  /** Names of devices by their index. */
  readonly names: ReadonlyMap<number, string>;
}

/** Reads what an agent has in the kernel. Throws NetlinkError. */
export async function readOwnObjects(port: NetlinkPort, marks: OwnMarks, signal: AbortSignal): Promise<OwnObjects> {
  const dump = async <T>(request: Uint8Array, decode: (message: NetlinkMessage) => T | undefined): Promise<T[]> => {
    const found: T[] = [];
    const take = (message: NetlinkMessage): void => {
      const object = decode(message);
      if (object !== undefined) found.push(object);
    };
    await port.dump(request, take, { signal });
    return found;
  };
  const links = await dump(dumpLinks(), decodeLink);
  const own = new Map(links.filter(({ alias }) => alias === marks.alias).map((link) => [link.index, link]));
  const routes: Route[] = [];
  const unsure: Route[] = [];
  const others: Route[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const route of await dump(dumpRoutes({ family, table: RouteTable.main }), decodeRoute)) {
      if (route.cloned) continue;
      const onOwn = route.outIndex !== undefined && own.has(route.outIndex);
      if (!marks.routeProtocols.has(route.protocol)) {
        if (onOwn && route.protocol !== RouteProtocol.kernel) others.push(route);
      } else if (onOwn || isInside(route.destination, marks.networks)) routes.push(route);
      else unsure.push(route);
    }
  }
  const devices: OwnDevice[] = [];
  for (const [index, link] of own) {
    const addresses = await dump(dumpAddresses({ index }), decodeAddress);
    const neighbours = await dump(dumpNeighbours({ index }), decodeNeighbour);
    const fdb = link.kind === 'vxlan' ? await dump(dumpFdb({ index }), decodeFdb) : [];
    devices.push({
      link,
      addresses: addresses.filter((address) => address.index === index && address.scope !== 'link'),
      neighbours: neighbours.filter((neighbour) => neighbour.index === index && neighbour.permanent),
      fdb: fdb.filter((entry) => entry.index === index && entry.self && entry.permanent),
      otherRoutes: others.filter(({ outIndex }) => outIndex === index),
    });
  }
  const programs = await readOwnPrograms(port, marks.alias, signal);
  return { devices, routes, programs, unsure, names: new Map(links.map(({ index, name }) => [index, name])) };
}

function isInside(prefix: Prefix, networks: readonly Prefix[]): boolean {
  const family = addressFamily(prefix);
  return networks.some((network) => addressFamily(network) === family && prefixContains(network, prefix));
}
