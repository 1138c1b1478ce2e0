import { release } from 'node:os';
import { errorText } from '@overlay/core';
import { createLab, requirePrivileges, requireTools } from '@overlay/lab';
import type { Kind, Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import type { BackendEnvironment } from '../environment.js';
import type { HostLinuxOptions } from './host-linux-options.js';
import type { InProcess } from './in-process.js';
import { KernelSite } from './kernel-site.js';
import { descriptors } from './leftovers.js';

/** How {@link kernelEnvironment} differs from the usual. */
export interface KernelEnvironmentOptions {
  /** Makes the kinds of kernel objects that the backend brings beside those of `@overlay/linux`, for one host. */
  readonly kinds?: (options: HostLinuxOptions) => readonly Kind[];
  /** What of the backend's data path is in its process; without it the suite sees what is in the kernel. */
  readonly inProcess?: readonly InProcess[];
}

/**
 * Hosts as network namespaces on the kernel of this machine. Needs root, `ip`, `bridge`, `ping`, `nsenter` and `setpriv`.
 */
export function kernelEnvironment(options: KernelEnvironmentOptions = {}): BackendEnvironment<Linux> {
  const { kinds, inProcess = [] } = options;
  const open = (host: HostLinuxOptions): Linux => openLinux({ ...host, ...(kinds && { kinds: kinds(host) }) });
  return {
    name: 'kernel',
    obstacle: () => {
      try {
        if (process.platform !== 'linux') return `needs Linux; this is ${process.platform}`;
        requireTools(['ip', 'bridge', 'nsenter', 'setpriv', 'ping']);
        requirePrivileges();
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    },
    facts: () => ({ kernel: release() }),
    inspect: (read) => {
      const linux = openLinux();
      try {
        return read(linux);
      } finally {
        // It has done nothing that could fail to end.
        linux.close().catch(() => undefined);
      }
    },
    create: async ({ hosts, families, underlay }) => {
      const before = descriptors();
      return new KernelSite(await createLab({ hosts, families, underlay }), before, { open, inProcess });
    },
  };
}
