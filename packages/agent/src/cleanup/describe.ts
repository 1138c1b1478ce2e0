import type { FdbEntry, Filter, InterfaceAddress, Link, Neighbour, Route } from '@overlay/linux/netlink';

// Objects in the words of ip(8) and bridge(8), so that a line can be looked up, or typed again.

export function describeDevice({ name, kind, alias }: Link): string {
  return `device ${name}${kind === undefined ? '' : ` type ${kind}`} alias ${alias ?? ''}`;
}

export function describeRoute(route: Route, names: ReadonlyMap<number, string>): string {
  const { destination, gateway, outIndex, protocol, metric, onlink, type } = route;
  const device = outIndex === undefined ? undefined : (names.get(outIndex) ?? `#${outIndex}`);
  return [
    'route',
    ...(type === 'unicast' ? [] : [String(type)]),
    destination,
    ...(gateway === undefined ? [] : ['via', gateway]),
    ...(device === undefined ? [] : ['dev', device]),
    `proto ${protocol}`,
    ...(metric === 0 ? [] : [`metric ${metric}`]),
    ...(onlink ? ['onlink'] : []),
  ].join(' ');
}

export function describeAddress({ address, prefixLength }: InterfaceAddress, device: string): string {
  return `address ${address}/${prefixLength} dev ${device}`;
}

export function describeNeighbour({ address, mac }: Neighbour, device: string): string {
  return `neighbour ${address} dev ${device}${mac === undefined ? '' : ` lladdr ${mac}`}`;
}

export function describeFdb({ mac, destination }: FdbEntry, device: string): string {
  return `fdb ${mac} dev ${device}${destination === undefined ? '' : ` dst ${destination}`}`;
}

export function describeProgram(
  { index, direction, priority, name }: Filter,
  names: ReadonlyMap<number, string>,
): string {
  return `program ${direction} of ${names.get(index) ?? `#${index}`} prio ${priority} ${name ?? ''}`.trimEnd();
}
