import type { LabHost } from '@overlay/lab';
import type { OverlayLab } from '../support/overlay-lab.js';
import { readStore } from '../support/store-folder.js';

interface StoredLease {
  readonly PublicIP: string;
  readonly PublicIPv6: string | null;
  readonly BackendData?: { readonly VtepMAC: string };
  readonly BackendV6Data?: { readonly VtepMAC: string };
  readonly HostID: string;
}

/** What one family of a lease asks for in the kernel of every other host. */
interface Wanted {
  readonly subnet: string;
  readonly publicIP: string;
  readonly mac: string | undefined;
}

function* wanted(overlay: OverlayLab, host: LabHost): Iterable<Wanted> {
  for (const [name, text] of readStore(overlay.store)) {
    const lease = JSON.parse(text) as StoredLease;
    if (lease.HostID === host.name) continue;
    const [ipv4, ipv6] = name.split('&').map((part) => part.replace(/-(\d+)$/, '/$1'));
    yield { subnet: ipv4, publicIP: lease.PublicIP, mac: lease.BackendData?.VtepMAC };
    if (ipv6 !== undefined && lease.PublicIPv6 !== null) {
      yield { subnet: ipv6, publicIP: lease.PublicIPv6, mac: lease.BackendV6Data?.VtepMAC };
    }
  }
}

/** What the leases of the store ask for on a host, worked out from the files alone. */
function expectedLines(overlay: OverlayLab, host: LabHost, type: string): string[] {
  const lines: string[] = [];
  for (const { subnet, publicIP, mac } of wanted(overlay, host)) {
    if (type === 'host-gw') {
      lines.push(`route ${subnet} via ${publicIP} dev eth0`);
      continue;
    }
    const device = subnet.includes(':') ? 'flannel-v6.1' : 'flannel.1';
    const gateway = subnet.replace(/\/\d+$/, '');
    lines.push(`route ${subnet} via ${gateway} dev ${device}`);
    lines.push(`neighbour ${gateway} dev ${device} ${mac}`, `fdb ${mac} dev ${device} dst ${publicIP}`);
  }
  return lines.sort();
}

/** What there is of it in the kernel. */
async function actualLines(overlay: OverlayLab, host: LabHost): Promise<string[]> {
  const lines: string[] = [];
  for (const family of ['-4', '-6']) {
    for (const { dst, gateway, dev } of await overlay.objects(host, `${family} route show proto 111`)) {
      lines.push(`route ${String(dst)} via ${String(gateway)} dev ${String(dev)}`);
    }
    for (const { dst, dev, lladdr } of await overlay.objects(host, `${family} neigh show nud permanent`)) {
      if (String(dev).startsWith('flannel'))
        lines.push(`neighbour ${String(dst)} dev ${String(dev)} ${String(lladdr)}`);
    }
  }
  const { stdout } = await host.exec(['bridge', '-j', 'fdb', 'show']);
  for (const { mac, ifname, dst } of JSON.parse(stdout) as Record<string, string>[]) {
    if (dst !== undefined) lines.push(`fdb ${mac} dev ${ifname} dst ${dst}`);
  }
  return lines.sort();
}

/** Where the kernel of a host and the store do not agree, one line each: `missing …` or `too much …`. */
export async function disagreements(overlay: OverlayLab, host: LabHost, type: string): Promise<readonly string[]> {
  const expected = expectedLines(overlay, host, type);
  const actual = await actualLines(overlay, host);
  const [wantedLines, foundLines] = [new Set(expected), new Set(actual)];
  return [
    ...expected.filter((line) => !foundLines.has(line)).map((line) => `missing on ${host.name}: ${line}`),
    ...actual.filter((line) => !wantedLines.has(line)).map((line) => `too much on ${host.name}: ${line}`),
  ];
}
