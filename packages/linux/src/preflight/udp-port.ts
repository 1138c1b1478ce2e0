import type { Family, Finding } from '@overlay/core';
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { PreflightContext } from './context.js';
import { filesOf } from './context.js';

/** A VXLAN device, as far as its port is concerned. */
export interface TunnelDevice {
  readonly name: string;
  /** UDP port on which it receives. */
  readonly port: number;
  readonly vni: number;
  /** True for devices of this agent, which it will use or replace. */
  readonly own: boolean;
  /** Then the kernel has its socket open. */
  readonly up: boolean;
}

/**
 * Looks whether somebody else has the UDP port that a tunnel is to receive on. Devices of VXLAN share a port as long as
 * their VNIs differ; a program's socket on the port, on whichever address, keeps the kernel from opening its own.
 */
export async function checkUdpPort(
  context: PreflightContext,
  wanted: {
    readonly port: number;
    readonly families: readonly Family[];
    /** Absent for tunnels other than VXLAN. */
    readonly vni?: number;
    readonly devices: readonly TunnelDevice[];
  },
): Promise<readonly Finding[]> {
  const sharing = wanted.devices.filter(({ port }) => port === wanted.port);
  const rival = sharing.find(({ own, vni }) => !own && vni === wanted.vni);
  if (rival !== undefined) {
    return [
      {
        level: 'error',
        check: 'udp-port',
        message: `${rival.name} is somebody else's VXLAN device with VNI ${rival.vni} on UDP port ${wanted.port}`,
        remedy: `remove it, with: ip link delete ${rival.name}; or choose another VNI or Port in net-conf.json`,
      },
    ];
  }
  const sockets = await Promise.all(wanted.families.map((family) => socketsOn(context, family, wanted.port)));
  const inodes = [...new Set(sockets.flat())];
  if (inodes.length === 0) return [];
  // A device that is up has its family's socket to itself: as many as there are of our devices are theirs. Looking who has
  // them would take longer than the rest of a start on a host with many processes.
  const kernels = sharing.filter(({ own, up }) => own && up).length;
  if (wanted.vni !== undefined && inodes.length <= kernels) return [];
  const holder = await holderOf(inodes, context.signal);
  // The kernel's own sockets are in the list too, and belong to no process.
  if (holder === undefined && sharing.length > 0 && wanted.vni !== undefined) return [];
  return [
    {
      level: 'error',
      check: 'udp-port',
      message: `UDP port ${wanted.port} is in use by ${holder ?? 'another tunnel of the kernel, or a process not visible from here'}`,
      remedy: `end what uses it (see: ss -ulpn sport = :${wanted.port}), or choose another Port in net-conf.json`,
    },
  ];
}

/** The inodes of the sockets that are bound to a port, from /proc/net/udp (proc_net_udp(5)). */
async function socketsOn(context: PreflightContext, family: Family, port: number): Promise<readonly string[]> {
  // Not /proc/net: that is the namespace of the process's first thread, not of the one that reads.
  const text = await filesOf(context).read(`/proc/thread-self/net/${family === 'ipv4' ? 'udp' : 'udp6'}`);
  const inodes: string[] = [];
  for (const line of text?.split('\n').slice(1) ?? []) {
    const fields = line.trim().split(/\s+/);
    const local = fields[1]?.split(':')[1];
    const inode = fields[9];
    if (local !== undefined && inode !== undefined && Number.parseInt(local, 16) === port) inodes.push(inode);
  }
  return inodes;
}

/** The process that has one of these sockets open: `named (pid 812)`. Costs a look at every process's files. */
async function holderOf(inodes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of await readdir('/proc')) {
    signal.throwIfAborted();
    if (!/^\d+$/.test(pid)) continue;
    // Processes end while they are looked at, and some may not be looked at.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const targets = await Promise.all(
      descriptors.map((descriptor) => readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')),
    );
    if (!targets.some((target) => wanted.has(target))) continue;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process');
    return `${name.trim()} (pid ${pid})`;
  }
  return undefined;
}
