import type { NetlinkMessage, NetlinkPort } from '@overlay/linux';
import {
  decodeAddress,
  decodeFdb,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  deleteFdb,
  deleteNeighbour,
  deleteRoute,
  dumpAddresses,
  dumpFdb,
  dumpLinks,
  dumpNeighbours,
  dumpRoutes,
} from '@overlay/linux/netlink';
import type { FdbEntry, InterfaceAddress, Link, Neighbour, Route } from '@overlay/linux/netlink';

/** The protocol number on our routes. */
const OURS = 111;

/** What an agent keeps in the kernel, read over netlink by this process: the programs of iproute2 take longer than healing. */
export interface KernelState {
  readonly links: readonly Link[];
  readonly addresses: readonly InterfaceAddress[];
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
  readonly routes: readonly Route[];
}

export async function readKernelState(port: NetlinkPort): Promise<KernelState> {
  const read = async <T>(request: Uint8Array, decode: (message: NetlinkMessage) => T | undefined): Promise<T[]> => {
    const found: T[] = [];
    await port.dump(request, (message) => {
      const one = decode(message);
      if (one !== undefined) found.push(one);
    });
    return found;
  };
  const links = (await read(dumpLinks(), decodeLink)).filter(({ name }) => name.startsWith('flannel'));
  const devices = new Set(links.map(({ index }) => index));
  const isOn = ({ index }: { readonly index: number }): boolean => devices.has(index);
  const addresses = await read(dumpAddresses(), decodeAddress);
  const neighbours = await read(dumpNeighbours(), decodeNeighbour);
  const fdb = await read(dumpFdb(), decodeFdb);
  const routes = [
    ...(await read(dumpRoutes({ family: 'ipv4' }), decodeRoute)),
    ...(await read(dumpRoutes({ family: 'ipv6' }), decodeRoute)),
  ];
  return {
    links,
    addresses: addresses.filter((one) => isOn(one) && !one.address.startsWith('fe80')),
    neighbours: neighbours.filter((one) => isOn(one) && one.permanent),
    fdb: fdb.filter((one) => isOn(one) && one.permanent && one.destination !== undefined),
    routes: routes.filter(({ protocol }) => protocol === OURS),
  };
}

/** The same as lines to be compared, without what the kernel numbers anew. */
export function stateLines({ links, addresses, neighbours, fdb, routes }: KernelState): string {
  const name = (index: number | undefined): string => links.find((link) => link.index === index)?.name ?? '';
  return [
    ...links.map(({ name, mac, mtu, up, alias, vxlan }) => [
      'link',
      name,
      mac,
      mtu,
      up,
      alias,
      vxlan?.vni,
      vxlan?.local,
    ]),
    ...addresses.map(({ index, address, prefixLength }) => ['address', name(index), address, prefixLength]),
    ...neighbours.map(({ index, address, mac }) => ['neighbour', name(index), address, mac]),
    ...fdb.map(({ index, mac, destination }) => ['fdb', name(index), mac, destination]),
    ...routes.map(({ destination, gateway, outIndex, metric }) => [
      'route',
      destination,
      gateway,
      name(outIndex),
      metric,
    ]),
  ]
    .map((fields) => fields.join(' '))
    .sort()
    .join('\n');
}

/** The requests that delete all routes of ours. */
export function flushRoutes({ routes }: KernelState): Uint8Array[] {
  return routes.map(({ destination, metric }) => deleteRoute({ destination, metric }));
}

/** The requests that delete all permanent neighbours of our devices. */
export function flushNeighbours({ neighbours }: KernelState): Uint8Array[] {
  return neighbours.map(({ index, address }) => deleteNeighbour({ index, address }));
}

/** The requests that delete all permanent forwarding entries of our devices. */
export function flushFdb({ fdb }: KernelState): Uint8Array[] {
  return fdb.flatMap(({ index, mac, destination }) =>
    destination === undefined ? [] : [deleteFdb({ index, mac, destination })],
  );
}
