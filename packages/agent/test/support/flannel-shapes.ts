import type { Family, PerFamily } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';

/** A host in one family, as flanneld knows it. */
export interface FlannelEndpoint {
  /** The network address of its subnet, and the subnet. */
  readonly gateway: string;
  readonly subnet: string;
  readonly publicIP: string;
  /** Of its VXLAN device. */
  readonly mac: string;
}

/** A host in the families that it has. */
export type FlannelPeer = PerFamily<FlannelEndpoint>;

/** Flanneld's names of its VXLAN devices, the lengths of their addresses, and what it asks for as their MTU. */
const DEVICES = { ipv4: { name: 'flannel.1', length: 32 }, ipv6: { name: 'flannel-v6.1', length: 128 } } as const;
const MTU = 1450;

function endpointsOf(peer: FlannelPeer): (FlannelEndpoint & { readonly family: Family })[] {
  return FAMILIES.flatMap((family) => {
    const endpoint = peer[family];
    return endpoint === undefined ? [] : [{ ...endpoint, family }];
  });
}

/** What flanneld's vxlan backend has made on a host, by the commands that make the same. */
export async function makeFlannelVxlan(
  host: NetworkNode,
  own: FlannelPeer,
  peers: readonly FlannelPeer[],
): Promise<void> {
  const ip = (line: string): Promise<unknown> => host.exec(['ip', ...line.split(' ')]);
  for (const { family, publicIP, mac, gateway } of endpointsOf(own)) {
    const { name, length } = DEVICES[family];
    await ip(
      `link add ${name} mtu ${MTU} address ${mac} type vxlan id 1 dev eth0 local ${publicIP} dstport 8472 nolearning`,
    );
    await ip(`addr add ${gateway}/${length} dev ${name}`);
    await ip(`link set ${name} up`);
  }
  await addFlannelVxlanPeers(host, peers);
}

/** What it makes for each peer, also where it is there already. */
export async function addFlannelVxlanPeers(host: NetworkNode, peers: readonly FlannelPeer[]): Promise<void> {
  const ip = (line: string): Promise<unknown> => host.exec(['ip', ...line.split(' ')]);
  for (const { family, gateway, mac, publicIP, subnet } of peers.flatMap(endpointsOf)) {
    const { name } = DEVICES[family];
    await ip(`neigh replace ${gateway} dev ${name} lladdr ${mac} nud permanent`);
    await host.exec(['bridge', 'fdb', 'replace', mac, 'dev', name, 'dst', publicIP, 'self']);
    await ip(`route replace ${subnet} via ${gateway} dev ${name} onlink`);
  }
}

/** What flanneld's host-gw backend has made on a host. */
export async function makeFlannelHostGw(host: NetworkNode, peers: readonly FlannelPeer[]): Promise<void> {
  for (const { subnet, publicIP } of peers.flatMap(endpointsOf)) {
    await host.exec(['ip', 'route', 'replace', subnet, 'via', publicIP, 'dev', 'eth0']);
  }
}
