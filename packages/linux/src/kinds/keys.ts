import type { Mac, Prefix } from '@overlay/core';
import type { AddressObject, NeighbourObject, RouteObject } from './objects.js';

/** The kernel's key of a route of the main table: destination and metric (the type of service is always 0 here). */
export function routeKey(destination: Prefix, metric: number): string {
  return `${destination} metric ${metric}`;
}

/** The kernel's key of an address: the device and the prefix. */
export function addressKey({ link, address, prefixLength }: AddressObject): string {
  return `${address}/${prefixLength} dev ${link}`;
}

/** The kernel's key of a neighbour: the device and the address. */
export function neighbourKey({ link, address }: NeighbourObject): string {
  return `${address} dev ${link}`;
}

/** The kernel's key of a VXLAN forwarding entry: the device and the MAC. */
export function fdbKey(entry: { readonly link: string; readonly mac: Mac }): string {
  return `${entry.mac} dev ${entry.link}`;
}

/** {@link routeKey} of a route. */
export function routeObjectKey({ destination, metric }: RouteObject): string {
  return routeKey(destination, metric);
}
