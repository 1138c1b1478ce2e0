import type { LabHost } from '@overlay/lab';
import { until } from './until.js';

/** Waits until every host's VXLAN device sends frames for a VTEP's MAC to this address. */
export async function everyHostSends(
  hosts: readonly LabHost[],
  to: { readonly mac: string; readonly address: string },
  withinMs: number,
): Promise<void> {
  for (const host of hosts) {
    const line = `${to.mac} dst ${to.address} `;
    const sends = async (): Promise<boolean> =>
      (await host.exec(['bridge', 'fdb', 'show', 'dev', 'flannel.1'])).stdout.includes(line);
    await until(sends, `${host.name} sends to ${to.address}`, withinMs);
  }
}
