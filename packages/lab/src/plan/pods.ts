import { addressAt, lastAddress, OverlayError, prefixLength } from '@overlay/core';
import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import type { NetnsScript } from './link-scripts.js';
import { addressLine, forwardingSysctls, linkLocalLines, neutralSysctls, routeLine } from './link-scripts.js';
import type { HostPlan } from './topology.js';

/** The bridge that a host's pods are on, under the name that CNI's bridge plugin gives it with flannel. */
export const POD_BRIDGE = 'cni0';

/** What a host's pods get: the part of its `subnet.env` that a CNI plugin reads. */
export interface PodNetwork {
  /** The host's own subnets. */
  readonly subnets: PerFamily<Prefix>;
  /** The whole overlay's networks, usually one in a family; pods reach them through the host. */
  readonly networks: PerFamily<readonly Prefix[]>;
  /** MTU of the pods' interfaces in bytes. */
  readonly mtu: number;
}

/** One pod: a namespace with `eth0` on its host's bridge. */
export interface PodPlan {
  /** `h1p1`: the first pod of the first host. */
  readonly name: string;
  /** 1 for the host's first pod. */
  readonly number: number;
  readonly netns: string;
  /** The other end of its `eth0`, in the host's namespace. */
  readonly hostDevice: string;
  readonly addresses: PerFamily<Address>;
}

function familiesOf(network: PodNetwork): Family[] {
  return (['ipv4', 'ipv6'] as const).filter((family) => network.subnets[family] !== undefined);
}

/**
 * The pods to add to a host that has `existing` of them. The subnet's first address is the bridge's; pods follow.
 *
 * @throws OverlayError `OVERLAY_LAB_OPTION` when the subnet has no room for that many.
 */
export function planPods(host: HostPlan, network: PodNetwork, existing: number, count: number): PodPlan[] {
  const families = familiesOf(network);
  for (const family of families) {
    const subnet = network.subnets[family] as Prefix;
    const bits = (family === 'ipv4' ? 32 : 128) - prefixLength(subnet);
    // The network's and the bridge's addresses are taken, and in IPv4 the broadcast address.
    const room = bits >= 16 ? Infinity : 2 ** bits - (family === 'ipv4' ? 3 : 2);
    if (existing + count > room) {
      throw new OverlayError(
        'OVERLAY_LAB_OPTION',
        `lab: ${existing + count} pods on ${host.name}: its subnet ${subnet} ends at ${lastAddress(subnet)} and has room for ${Math.max(0, room)}`,
        { key: 'pods' },
      );
    }
  }
  return Array.from({ length: count }, (_, n) => {
    const number = existing + n + 1;
    return {
      name: `${host.name}p${number}`,
      number,
      netns: `${host.netns}p${number}`,
      hostDevice: `vethp${number}`,
      addresses: Object.fromEntries(
        families.map((family) => [family, addressAt(network.subnets[family] as Prefix, number + 1)]),
      ),
    };
  });
}

function gateway(network: PodNetwork, family: Family): Address {
  return addressAt(network.subnets[family] as Prefix, 1);
}

/**
 * What CNI's bridge plugin does on the host for these pods: the bridge with the gateway's addresses, forwarding, and a
 * port for each pod.
 */
export function podHostScript(
  host: HostPlan,
  network: PodNetwork,
  pods: readonly PodPlan[],
  first: boolean,
): NetnsScript {
  const families = familiesOf(network);
  const lines: string[] = [];
  if (first) {
    // Left to itself a bridge takes the lowest MAC of its ports, and would change it under the pods with each new one.
    const mac = `0a:58:00:00:00:${host.index.toString(16).padStart(2, '0')}`;
    lines.push(`link add ${POD_BRIDGE} address ${mac} mtu ${network.mtu} type bridge mcast_snooping 0`);
    lines.push(...linkLocalLines(families, POD_BRIDGE, '1'), `link set ${POD_BRIDGE} up`);
    for (const family of families) {
      lines.push(addressLine(gateway(network, family), prefixLength(network.subnets[family] as Prefix), POD_BRIDGE));
    }
  }
  for (const pod of pods) {
    const ends = `${pod.hostDevice} mtu ${network.mtu} type veth peer name eth0 mtu ${network.mtu}`;
    lines.push(`link add ${ends} netns ${pod.netns}`);
    lines.push(`link set ${pod.hostDevice} master ${POD_BRIDGE} up`);
  }
  return { netns: host.netns, sysctls: first ? forwardingSysctls(families) : [], lines };
}

/** A pod's own side: its address, and routes to the overlay's networks and everything else through the bridge. */
export function podScript(network: PodNetwork, pod: PodPlan): NetnsScript {
  const families = familiesOf(network);
  return {
    netns: pod.netns,
    sysctls: neutralSysctls(families),
    lines: [
      'link set lo up',
      ...linkLocalLines(families, 'eth0', (pod.number + 1).toString(16)),
      'link set eth0 up',
      ...families.flatMap((family) => {
        const subnet = network.subnets[family] as Prefix;
        const via = gateway(network, family);
        // A network that is the host's own subnet is on the link already.
        const routed = (network.networks[family] ?? []).filter((overlay) => overlay !== subnet);
        return [
          addressLine(pod.addresses[family] as Address, prefixLength(subnet), 'eth0'),
          routeLine('default', via),
          ...routed.map((overlay) => routeLine(overlay, via)),
        ];
      }),
    ],
  };
}
