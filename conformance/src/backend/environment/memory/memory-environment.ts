import type { MemoryKernel } from '@overlay/backend-memory';
import { MemoryFabric, openMemory } from '@overlay/backend-memory';
import type { BackendEnvironment } from '../environment.js';
import { MemorySite } from './memory-site.js';

/**
 * Hosts, tables and packets in memory: no root, and nothing of this machine is touched. Tests that need network namespaces
 * are blocked here.
 */
export function memoryEnvironment(): BackendEnvironment<MemoryKernel> {
  return {
    name: 'memory',
    obstacle: (needs) => (needs.length === 0 ? undefined : 'needs a real kernel, and this environment is in memory'),
    facts: () => ({}),
    inspect: (read) => {
      const kernel = openMemory(new MemoryFabric({ hosts: 1, families: ['ipv4'] }).hosts[0]);
      try {
        return read(kernel);
      } finally {
        // It has done nothing that could fail to end.
        kernel.close().catch(() => undefined);
      }
    },
    create: async (wish) => new MemorySite(new MemoryFabric(wish)),
  };
}
