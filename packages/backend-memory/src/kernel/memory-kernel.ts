import type { HostState, Logger } from '@overlay/core';
import { silentLogger } from '@overlay/core';
import type { Kind } from '@overlay/linux';
import { Reconciler } from '@overlay/linux';
import type { Observable } from 'rxjs';
import type { MemoryHost } from '../fabric/host.js';
import { MemoryFaults } from './faults.js';
import { routeKind, tunnelKind } from './kinds.js';

/** How {@link openMemory} differs from the usual. */
export interface MemoryKernelOptions {
  /** Tells the objects of several agents on one host apart. `default` unless told. */
  readonly instance?: string;
  readonly logger?: Logger;
  readonly faults?: MemoryFaults;
}

/** One process's access to the table of one host in memory: what `Linux` is to the kernel. */
export class MemoryKernel {
  /** The mark on this process's objects. */
  readonly owner: string;
  readonly faults: MemoryFaults;
  readonly kinds: readonly Kind[];
  readonly reconciler: Reconciler;
  /** Whose table it is. */
  readonly host: MemoryHost;
  #writes = 0;
  #closed = false;

  /** Use {@link openMemory}. */
  constructor(host: MemoryHost, { instance = 'default', logger = silentLogger, faults }: MemoryKernelOptions) {
    this.host = host;
    this.owner = `overlay:${instance}`;
    this.faults = faults ?? new MemoryFaults();
    const access = { table: host.table, faults: this.faults, wrote: () => (this.#writes += 1) };
    this.kinds = [tunnelKind(access), routeKind(access)];
    this.reconciler = new Reconciler({ kinds: this.kinds, logger });
  }

  /** The host, followed as it changes. */
  get host$(): Observable<HostState> {
    return this.host.host$;
  }

  /** Objects that were handed to the table so far. */
  get writes(): number {
    return this.#writes;
  }

  /** Stops following and writing. Leaves the table as it is. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.reconciler.close();
    this.host.detached(this);
  }
}

/** Opens a host's table for one process. */
export function openMemory(host: MemoryHost, options: MemoryKernelOptions = {}): MemoryKernel {
  const kernel = new MemoryKernel(host, options);
  host.attached(kernel);
  return kernel;
}
