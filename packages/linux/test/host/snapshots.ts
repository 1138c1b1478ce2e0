import { addressFamily, parseAddress } from '@overlay/core';
import type { Family } from '@overlay/core';
import type { DefaultRoute, HostLink, HostLinkAddress, HostSnapshot, ReachAnswer } from '../../dist/host/index.js';

/** An interface of the test's host: its name, what differs from a plain one, and its addresses. */
export interface LinkSpec extends Partial<Omit<HostLink, 'name'>> {
  readonly addresses?: readonly (string | AddressSpec)[];
}

export interface AddressSpec extends Partial<Omit<HostLinkAddress, 'address' | 'family' | 'index'>> {
  readonly address: string;
}

/** A default route, `eth0` or several; IPv4 and metric 0 unless told. */
export interface RouteSpec {
  readonly via: readonly (string | { readonly dead: string })[];
  readonly family?: Family;
  readonly metric?: number;
}

/** Builds a snapshot as the kernel would give it: loopback first, indexes in order. */
export function snapshotOf(
  links: Readonly<Record<string, LinkSpec>>,
  routes: readonly RouteSpec[] = [],
  reach?: ReachAnswer,
): HostSnapshot {
  const all: Readonly<Record<string, LinkSpec>> = {
    lo: { mtu: 65536, broadcast: false, addresses: ['127.0.0.1', '::1'] },
    ...links,
  };
  const indexes = new Map(Object.entries(all).map(([name, { index }], position) => [name, index ?? position + 1]));
  const indexOf = (name: string): number => indexes.get(name) ?? 999;
  return {
    links: Object.entries(all).map(([name, { addresses: _, ...rest }]) => ({
      up: true,
      lowerUp: true,
      mtu: 1500,
      broadcast: true,
      pointToPoint: false,
      ...rest,
      name,
      index: indexOf(name),
    })),
    addresses: Object.entries(all).flatMap(([name, { addresses = [] }]) =>
      addresses.map((spec) => addressOf(typeof spec === 'string' ? { address: spec } : spec, indexOf(name))),
    ),
    defaultRoutes: routes.map((route): DefaultRoute => ({
      family: route.family ?? 'ipv4',
      metric: route.metric ?? 0,
      protocol: 3,
      nexthops: route.via.map((hop) =>
        typeof hop === 'string' ? { index: indexOf(hop), dead: false } : { index: indexOf(hop.dead), dead: true },
      ),
    })),
    ...(reach === undefined ? {} : { reach }),
  };
}

function addressOf(spec: AddressSpec, index: number): HostLinkAddress {
  const address = parseAddress(spec.address);
  return {
    permanent: true,
    temporary: false,
    deprecated: false,
    tentative: false,
    dadFailed: false,
    ...spec,
    address,
    family: addressFamily(address),
    index,
  };
}
