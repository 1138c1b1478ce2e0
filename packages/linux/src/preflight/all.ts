import { FAMILIES } from '@overlay/core';
import type { Finding, Host, NetConf } from '@overlay/core';
import type { ProcFiles } from '../proc/files.js';
import { checkForwardPolicy } from './forward-policy.js';
import type { NetlinkPort } from '../netlink/port.js';
import { checkIpv6 } from './ipv6.js';
import { checkLinkKind } from './link-kind.js';
import { checkPrivileges } from './privileges.js';
import { checkReversePath } from './reverse-path.js';
import type { RunTool } from './run-tool.js';
import { checkUdpPort } from './udp-port.js';
import type { TunnelDevice } from './udp-port.js';

/** What a backend has checked. */
export interface PreflightWish {
  readonly netConf: NetConf;
  /** Absent while the host is not known; then nothing about its interface is checked. */
  readonly host?: Host;
  readonly signal: AbortSignal;
  /** A tunnel that receives on a UDP port. */
  readonly tunnel?: {
    readonly port: number;
    readonly vni?: number;
    readonly devices: readonly TunnelDevice[];
  };
  /** The files of another network namespace. */
  readonly files?: ProcFiles;
  /** How programs are run in that namespace. Without it, nothing is asked about its firewall. */
  readonly run?: RunTool;
  /** The sort of device that is to be made, and how to ask the kernel for it. */
  readonly device?: { readonly kind: string; readonly netlink: NetlinkPort };
}

/** Runs every check that applies. They change nothing and run at once. */
export async function preflightAll({
  netConf,
  host,
  signal,
  tunnel,
  files,
  run,
  device,
}: PreflightWish): Promise<readonly Finding[]> {
  const context = { signal, ...(files ? { files } : {}), ...(run ? { run } : {}) };
  const families = FAMILIES.filter((family) => netConf[family] !== undefined);
  const name = host?.interface.name;
  const checks = [checkPrivileges(context)];
  // The tools of this process's own namespace would tell of the wrong firewall.
  if (files === undefined || run !== undefined) checks.push(checkForwardPolicy(context, families));
  if (device) checks.push(checkLinkKind(context, device.netlink, device.kind));
  if (netConf.ipv6) checks.push(checkIpv6(context, name));
  if (netConf.ipv4 && name !== undefined) checks.push(checkReversePath(context, name));
  if (tunnel) checks.push(checkUdpPort(context, { ...tunnel, families }));
  return (await Promise.all(checks)).flat();
}
