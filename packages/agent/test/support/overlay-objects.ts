import type { LabHost } from '@overlay/lab';
import type { OverlayLab } from './overlay-lab.js';

/**
 * Everything that an agent keeps in the kernel of its host, as sorted lines without what the kernel numbers anew: its
 * routes, its devices with their addresses, and what is on them.
 */
export async function overlayObjects(overlay: OverlayLab, host: LabHost): Promise<readonly string[]> {
  const lines = (await overlay.everything(host)).filter((line) => /proto 111|dev flannel/.test(line));
  const links = await overlay.objects(host, 'addr show');
  for (const { ifname, mtu, address, ifalias, flags, linkinfo, addr_info } of links) {
    if (!String(ifname).startsWith('flannel')) continue;
    const { info_data = {} } = linkinfo as { info_data?: Record<string, unknown> };
    const { id, port, local, local6, link } = info_data;
    const locals = (addr_info as { local: string }[])
      .map((each) => each.local)
      .filter((each) => !each.startsWith('fe80'));
    const up = (flags as string[]).includes('UP');
    lines.push(JSON.stringify({ ifname, mtu, address, ifalias, up, id, port, local, local6, link, locals }));
  }
  return lines.sort();
}
