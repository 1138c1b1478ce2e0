import type { NetworkNode } from '@overlay/lab';

/** A peer as flanneld knows it. */
export interface FlannelPeer {
  /** The network address of its subnet, and the subnet. */
  readonly gateway: string;
  readonly subnet: string;
  readonly publicIP: string;
  readonly mac: string;
}

/** What flanneld's vxlan backend has made on a host, by the commands that make the same. */
export async function makeFlannelVxlan(
  host: NetworkNode,
  own: { readonly publicIP: string; readonly mac: string; readonly gateway: string },
  peers: readonly FlannelPeer[],
): Promise<void> {
  const ip = (line: string): Promise<unknown> => host.exec(['ip', ...line.split(' ')]);
  const { publicIP, mac, gateway } = own;
  await ip(
    `link add flannel.1 mtu 1450 address ${mac} type vxlan id 1 dev eth0 local ${publicIP} dstport 8472 nolearning`,
  );
  await ip(`addr add ${gateway}/32 dev flannel.1`);
  await ip('link set flannel.1 up');
  for (const peer of peers) {
    await ip(`neigh replace ${peer.gateway} dev flannel.1 lladdr ${peer.mac} nud permanent`);
    await host.exec(['bridge', 'fdb', 'replace', peer.mac, 'dev', 'flannel.1', 'dst', peer.publicIP, 'self']);
    await ip(`route replace ${peer.subnet} via ${peer.gateway} dev flannel.1 onlink`);
  }
}

/** What flanneld's host-gw backend has made on a host. */
export async function makeFlannelHostGw(host: NetworkNode, peers: readonly FlannelPeer[]): Promise<void> {
  for (const { subnet, publicIP } of peers) {
    await host.exec(['ip', 'route', 'replace', subnet, 'via', publicIP, 'dev', 'eth0']);
  }
}
