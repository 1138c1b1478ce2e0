import type { Endpoint, Family, JsonObject, Lease } from '@overlay/core';
import { FAMILIES, networkAddress } from '@overlay/core';
import type { LabHost } from '@overlay/lab';
import type { Counterpart } from './counterpart.js';

const VNI = 1;
const PORT = 8472;
/** Bytes that VXLAN adds over an underlay of a family (RFC 7348, section 5): the inner Ethernet header with it. */
const OVERHEAD = { ipv4: 50, ipv6: 70 } as const;
const DEVICE = { ipv4: `flannel.${VNI}`, ipv6: `flannel-v6.${VNI}` } as const;
const MAC = { ipv4: '02:ac:00:00:00:04', ipv6: '02:ac:00:00:00:06' } as const;
const BITS = { ipv4: 32, ipv6: 128 } as const;

/** VXLAN by `ip` and `bridge`, with the device, neighbours, forwarding entries and routes that flanneld makes. */
export const vxlanByHand: Counterpart = {
  type: 'vxlan',
  name: "iproute2, with flanneld's objects",
  setUp: async ({ host, netConf, subnets, mtu }) => {
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    const inside = mtu - Math.max(...families.map((family) => OVERHEAD[family]));
    const endpoints: Partial<Record<Family, Endpoint>> = {};
    for (const family of families) {
      const [subnet, publicIP] = [subnets[family], host.addresses[family]];
      if (subnet === undefined || publicIP === undefined) continue;
      await makeDevice(host, family, `${networkAddress(subnet)}/${BITS[family]}`, publicIP, mtu - OVERHEAD[family]);
      endpoints[family] = { publicIP, data: { VNI, VtepMAC: MAC[family] } };
    }
    return {
      attributes: { backendType: 'vxlan', ...endpoints },
      mtu: inside,
      add: async (lease) => {
        for (const family of families) await addPeer(host, family, lease);
      },
    };
  },
};

async function makeDevice(host: LabHost, family: Family, address: string, local: string, mtu: number): Promise<void> {
  const device = DEVICE[family];
  const vxlan = ['type', 'vxlan', 'id', String(VNI), 'dev', 'eth0', 'local', local, 'dstport', String(PORT)];
  await host.exec(['ip', 'link', 'add', device, 'address', MAC[family], 'mtu', String(mtu), ...vxlan, 'nolearning']);
  await host.exec(['ip', 'addr', 'add', address, 'dev', device, ...(family === 'ipv6' ? ['nodad'] : [])]);
  await host.exec(['ip', 'link', 'set', device, 'up']);
}

async function addPeer(host: LabHost, family: Family, { subnets, attributes }: Lease): Promise<void> {
  const [subnet, endpoint] = [subnets[family], attributes[family]];
  if (subnet === undefined || endpoint === undefined) return;
  const { VtepMAC: mac } = (endpoint.data ?? {}) as JsonObject;
  if (typeof mac !== 'string') throw new Error(`no VtepMAC, which flanneld needs, in ${JSON.stringify(endpoint)}`);
  const [device, gateway] = [DEVICE[family], networkAddress(subnet)];
  await host.exec(['ip', 'neigh', 'replace', gateway, 'lladdr', mac, 'dev', device, 'nud', 'permanent']);
  await host.exec(['bridge', 'fdb', 'replace', mac, 'dev', device, 'dst', endpoint.publicIP, 'self', 'permanent']);
  await host.exec(['ip', 'route', 'replace', subnet, 'via', gateway, 'dev', device, 'onlink']);
}
