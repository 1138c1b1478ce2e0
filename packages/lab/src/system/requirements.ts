import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { OverlayError } from '@overlay/core';

/** The system programs that a lab, or what is tested in one, runs, each with the Debian package that brings it. */
const PACKAGES = {
  ip: 'iproute2',
  bridge: 'iproute2',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  ping: 'iputils-ping',
  iperf3: 'iperf3',
  tcpdump: 'tcpdump',
  socat: 'socat',
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  containerd: 'containerd',
  runc: 'runc',
  busybox: 'busybox-static',
  openssl: 'openssl',
} as const;

/** A system program that a lab may need. */
export type Tool = keyof typeof PACKAGES;

function located(tool: Tool, searchPath: string): string | undefined {
  return searchPath
    .split(path.delimiter)
    .map((folder) => path.join(folder, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

/** The file of a program. @throws OverlayError `OVERLAY_LAB_TOOL_MISSING` */
export function findTool(tool: Tool, env: NodeJS.ProcessEnv = process.env): string {
  requireTools([tool], env);
  return located(tool, env['PATH'] ?? '') ?? tool;
}

/**
 * Checks that programs can be found.
 *
 * @throws OverlayError `OVERLAY_LAB_TOOL_MISSING`: one line with every missing program and the command to install them.
 */
export function requireTools(tools: readonly Tool[], env: NodeJS.ProcessEnv = process.env): void {
  const missing = tools.filter((tool) => located(tool, env['PATH'] ?? '') === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => PACKAGES[tool]))].sort();
  throw new OverlayError(
    'OVERLAY_LAB_TOOL_MISSING',
    `lab: ${missing.join(', ')} not found in PATH: apt-get install ${packages.join(' ')}`,
  );
}

/** Numbers from linux/capability.h. */
const CAPABILITIES = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const;

/**
 * Checks that this process may make network namespaces and links.
 *
 * @throws OverlayError `OVERLAY_LAB_PRIVILEGE`.
 */
export function requirePrivileges(): void {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(CAPABILITIES).filter(([, bit]) => (effective & (1n << bit)) === 0n);
  if (missing.length === 0) return;
  const remedy =
    process.geteuid?.() === 0 ? 'start the container with these capabilities (--privileged)' : 'run it as root';
  throw new OverlayError(
    'OVERLAY_LAB_PRIVILEGE',
    `lab: making network namespaces needs ${missing.map(([name]) => name).join(' and ')}: ${remedy}`,
  );
}
