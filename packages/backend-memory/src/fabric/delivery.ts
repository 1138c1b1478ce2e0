import type { Address, Family, Prefix } from '@overlay/core';
import { addressFamily, prefixContains, prefixLength } from '@overlay/core';
import type { MemoryRoute, MemoryTunnel } from '../kernel/objects.js';
import type { MemoryHost } from './host.js';
import type { MemoryPod } from './pod.js';

/** A packet of a pod, which must not be cut. */
export interface MemoryPacket {
  readonly source: Address;
  readonly destination: Address;
  /** Its whole size. */
  readonly bytes: number;
}

/** Where a packet arrived, or why it did not. */
export type Delivery =
  { readonly pod: MemoryPod; readonly dropped?: undefined } | { readonly dropped: string; readonly pod?: undefined };

/** Bytes that a tunnel adds to a packet: an IP header of the underlay's family. */
export const TUNNEL_OVERHEAD: Readonly<Record<Family, number>> = { ipv4: 20, ipv6: 40 };

/**
 * Takes a packet from a pod of a host to where it belongs.
 *
 * @param hostAt finds the host with an address on the underlay.
 */
export function deliver(
  host: MemoryHost,
  from: MemoryPod,
  packet: MemoryPacket,
  hostAt: (address: Address) => MemoryHost | undefined,
): Delivery {
  const { destination, bytes } = packet;
  if (bytes > from.mtu) return { dropped: `${bytes} bytes are too large for ${from.name}, which has ${from.mtu}` };
  const route = wayTo(host, destination);
  if (route === undefined) return arrive(host, destination);
  const tunnel = host.table.tunnel(route.tunnel);
  if (tunnel?.up !== true) return { dropped: `tunnel ${route.tunnel} of ${host.name} is down` };
  if (bytes > tunnel.mtu) return { dropped: `${bytes} bytes are too large for tunnel ${tunnel.name}: ${tunnel.mtu}` };
  const family = addressFamily(route.via);
  const size = bytes + TUNNEL_OVERHEAD[family];
  const sender = host.addresses[family];
  const peer = hostAt(route.via);
  if (sender === undefined || peer === undefined) return { dropped: `nobody has ${route.via}` };
  if (size > Math.min(host.mtu, peer.mtu)) return { dropped: `${size} bytes are too large for the underlay` };
  return receive(peer, tunnel.channel, sender, packet);
}

function receive(host: MemoryHost, channel: number, sender: Address, packet: MemoryPacket): Delivery {
  const tunnels = host.table.tunnels.filter((tunnel) => tunnel.up && tunnel.channel === channel);
  if (tunnels.length === 0) return { dropped: `${host.name} has no tunnel on channel ${channel}` };
  const { routes } = host.table;
  if (!tunnels.some((tunnel) => !tunnel.checksSource || isWayBack(routes, tunnel, sender, packet.source))) {
    return { dropped: `${host.name} knows no peer at ${sender} with ${packet.source}` };
  }
  return arrive(host, packet.destination);
}

/** Whether an address belongs to the peer that sent from `sender`. */
function isWayBack(routes: readonly MemoryRoute[], tunnel: MemoryTunnel, sender: Address, source: Address): boolean {
  return routes.some(
    (route) => route.tunnel === tunnel.name && route.via === sender && prefixContains(route.destination, source),
  );
}

function arrive(host: MemoryHost, destination: Address): Delivery {
  const pod = host.pods.find((each) => each.has(destination));
  return pod ? { pod } : { dropped: `${host.name} has no pod and no route for ${destination}` };
}

/** The longest prefix wins, then the lower priority. A route into nothing of the host's own. */
function wayTo(host: MemoryHost, destination: Address): MemoryRoute | undefined {
  const rank = ({ destination: prefix, priority }: MemoryRoute): [number, number] => [lengthOf(prefix), -priority];
  return host.table.routes
    .filter((route) => prefixContains(route.destination, destination))
    .sort((a, b) => rank(b)[0] - rank(a)[0] || rank(b)[1] - rank(a)[1])
    .at(0);
}

function lengthOf(prefix: Prefix): number {
  return prefixLength(prefix);
}
