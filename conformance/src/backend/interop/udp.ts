import type { Endpoint, Family, Lease } from '@overlay/core';
import { errorText, FAMILIES, networkAddress } from '@overlay/core';
import type { LabHost } from '@overlay/lab';
import { requireTools } from '@overlay/lab';
import { until } from '../../suite/until.js';
import type { Counterpart } from './counterpart.js';

const PORT = 8285;
/** Outer IP and UDP headers in bytes. */
const OVERHEAD = { ipv4: 28, ipv6: 48 } as const;
const DEVICE = { ipv4: 'flannel0', ipv6: 'flannel-v6.0' } as const;
const BITS = { ipv4: 32, ipv6: 128 } as const;
/** A tunnel may go without the outer checksum over IPv6 too (RFC 6935), which a socket has to allow (linux/udp.h). */
const SOL_UDP = 17;
const UDP_NO_CHECK6_RX = 102;
const START_MS = 5000;

/**
 * The format of flannel's udp by socat: each packet that a TUN device gives is the payload of a datagram, and back. One
 * process for a peer and a family, of which the peer's packets come and go over that family.
 */
export const udpByHand: Counterpart = {
  type: 'udp',
  name: 'socat between a TUN device and a UDP socket',
  obstacle: () => {
    try {
      requireTools(['socat']);
      return undefined;
    } catch (error) {
      return errorText(error);
    }
  },
  setUp: async ({ host, netConf, subnets, mtu }) => {
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    const inside = mtu - Math.max(...families.map((family) => OVERHEAD[family]));
    const endpoints = families.flatMap((family): [Family, Endpoint][] => {
      const publicIP = host.addresses[family];
      return publicIP === undefined ? [] : [[family, { publicIP }]];
    });
    return {
      // Flannel's publishes no type.
      attributes: { backendType: '', ...Object.fromEntries(endpoints) },
      mtu: inside,
      add: async (lease) => {
        for (const family of families) {
          const own = subnets[family];
          if (own !== undefined) await addPeer(host, family, `${networkAddress(own)}/${BITS[family]}`, inside, lease);
        }
      },
    };
  },
};

async function addPeer(
  host: LabHost,
  family: Family,
  address: string,
  mtu: number,
  { subnets, attributes }: Lease,
): Promise<void> {
  const [subnet, endpoint, own] = [subnets[family], attributes[family], host.addresses[family]];
  if (subnet === undefined || endpoint === undefined || own === undefined) return;
  const device = DEVICE[family];
  host.spawn(['socat', ...tunnel(family, device, own, endpoint.publicIP)]);
  await until(`socat makes ${device}`, START_MS, async () => {
    const { code } = await host.exec(['ip', 'link', 'show', device], { check: false });
    return code === 0;
  });
  await host.exec(['ip', 'link', 'set', device, 'mtu', String(mtu), 'addrgenmode', 'none', 'up']);
  await host.exec(['ip', 'addr', 'add', address, 'dev', device, ...(family === 'ipv6' ? ['nodad'] : [])]);
  await host.exec(['ip', 'route', 'replace', subnet, 'dev', device]);
}

function tunnel(family: Family, device: string, own: string, peer: string): readonly string[] {
  const tun = `TUN,tun-name=${device},iff-no-pi`;
  if (family === 'ipv4') return [tun, `UDP4-DATAGRAM:${peer}:${PORT},bind=${own}:${PORT}`];
  const datagrams = `UDP6-DATAGRAM:[${peer}]:${PORT},bind=[${own}]:${PORT}`;
  return [tun, `${datagrams},setsockopt-int=${SOL_UDP}:${UDP_NO_CHECK6_RX}:1`];
}
