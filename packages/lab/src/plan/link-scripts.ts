import { prefixLength } from '@overlay/core';
import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import type { MachinePlan, Topology } from './topology.js';

/** Lines for `ip -batch` in one namespace, and the sysctls to write before any device appears in it. */
export interface NetnsScript {
  readonly netns: string;
  /** Paths below /proc/sys/net and what to write there. */
  readonly sysctls: readonly (readonly [path: string, value: string])[];
  readonly lines: readonly string[];
}

/** `addr add` for an address that is usable at once: duplicate address detection would hold IPv6 back for a second. */
export function addressLine(address: Address, length: number, device: string): string {
  return `addr add ${address}/${length} dev ${device}${address.includes(':') ? ' nodad' : ''}`;
}

/** `route add`; the gateway tells the family. */
export function routeLine(destination: 'default' | Prefix, gateway: Address): string {
  return `route add ${destination} via ${gateway}`;
}

/** The sysctls that switch forwarding on. */
export function forwardingSysctls(families: readonly Family[]): (readonly [string, string])[] {
  return families.map((family) => (family === 'ipv4' ? ['ipv4/ip_forward', '1'] : ['ipv6/conf/all/forwarding', '1']));
}

/** Undoes what a namespace takes over from the machine's own settings: a machine may have IPv6 off, or a strict rp_filter. */
export function neutralSysctls(families: readonly Family[]): (readonly [string, string])[] {
  return families.flatMap((family) =>
    ['all', 'default'].map((scope): readonly [string, string] =>
      family === 'ipv4' ? [`ipv4/conf/${scope}/rp_filter`, '0'] : [`ipv6/conf/${scope}/disable_ipv6`, '0'],
    ),
  );
}

/**
 * Gives a device that is still down its IPv6 link-local address by hand. The kernel's own would be tentative for more
 * than a second, and until then the device resolves no neighbour for what it forwards.
 */
export function linkLocalLines(families: readonly Family[], device: string, interfaceId: string): string[] {
  if (!families.includes('ipv6')) return [];
  return [`link set ${device} addrgenmode none`, `addr add fe80::${interfaceId}/64 dev ${device} nodad`];
}

function addressLines(
  families: readonly Family[],
  addresses: PerFamily<Address>,
  prefixes: PerFamily<Prefix>,
  device: string,
): string[] {
  return families.map((family) =>
    addressLine(addresses[family] as Address, prefixLength(prefixes[family] as Prefix), device),
  );
}

/** The router: a bridge for each segment, and the wires to the hosts, whose other ends appear in their namespaces. */
export function routerScript(topology: Topology): NetnsScript {
  const { families, mtu } = topology;
  const lines = ['link set lo up'];
  for (const segment of topology.segments) {
    // With multicast snooping and no querier, neighbour discovery through a young bridge may be lost.
    lines.push(`link add ${segment.bridge} mtu ${mtu} type bridge mcast_snooping 0`);
    lines.push(...linkLocalLines(families, segment.bridge, '1'), `link set ${segment.bridge} up`);
    lines.push(...addressLines(families, segment.gateways, segment.prefixes, segment.bridge));
  }
  for (const host of machinesOf(topology)) {
    lines.push(`link add ${host.name} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${host.netns}`);
    lines.push(`link set ${host.name} master ${host.segment.bridge} up`);
  }
  return {
    netns: topology.routerNetns,
    sysctls: [...neutralSysctls(families), ...forwardingSysctls(families)],
    lines,
  };
}

/** Everything on the underlay but the router. */
export function machinesOf({ hosts, server }: Topology): readonly MachinePlan[] {
  return server === undefined ? hosts : [...hosts, server];
}

/** A host's side of its wire. The router's script has to be through. */
export function hostScript(topology: Topology, host: MachinePlan): NetnsScript {
  const { families } = topology;
  return {
    netns: host.netns,
    sysctls: neutralSysctls(families),
    lines: [
      'link set lo up',
      ...linkLocalLines(families, 'eth0', String(host.number)),
      'link set eth0 up',
      ...addressLines(families, host.addresses, host.segment.prefixes, 'eth0'),
      ...families.map((family) => routeLine('default', host.segment.gateways[family] as Address)),
    ],
  };
}
