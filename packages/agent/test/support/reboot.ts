import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LabHost } from '@overlay/lab';
import type { OverlayLab } from './overlay-lab.js';
import { until } from './until.js';

/** The file in which a host's agent remembers its store. */
export function memoryOf(overlay: OverlayLab, host: LabHost): string {
  return join(overlay.file(host, 'state'), 'default', 'leases');
}

/** Waits until every host has written down what the store says of all of them. */
export async function allRemember(overlay: OverlayLab): Promise<void> {
  const { hosts } = overlay.lab;
  const wanted = hosts.map(({ name }) => `{"set":{"key":"${name}"`);
  for (const host of hosts) {
    await until(() => {
      const text = readText(memoryOf(overlay, host));
      return wanted.every((part) => text.includes(part)) && text.includes('{"confirmed":');
    }, `${host.name} remembers all hosts`);
  }
}

/** Ends a host's agent as a power cut does, and takes from the host what does not survive a reboot; its pods stay. */
export async function losePower(overlay: OverlayLab, host: LabHost): Promise<void> {
  host.agent?.kill('SIGKILL');
  await host.agent?.exited;
  for (const device of ['flannel.1', 'flannel-v6.1'])
    await host.exec(['ip', 'link', 'del', device]).catch(() => undefined);
  for (const family of ['-4', '-6']) await host.exec(['ip', family, 'route', 'flush', 'proto', '111']);
  for (const path of [host.subnetFile, overlay.file(host, 'control')]) rmSync(path, { recursive: true, force: true });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
