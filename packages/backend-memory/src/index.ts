export { memory } from './memory.js';
export type { MemoryComponents } from './memory.js';

// The host's side
export { MemoryKernel, openMemory } from './kernel/memory-kernel.js';
export type { MemoryKernelOptions } from './kernel/memory-kernel.js';
export { MemoryFaults } from './kernel/faults.js';
export type { MemoryObject, MemoryRoute, MemoryTunnel } from './kernel/objects.js';
export { memoryKey } from './kernel/objects.js';
export { MemoryTable } from './kernel/table.js';
export type { TableChange } from './kernel/table.js';

// Hosts, and packets between them
export { MemoryFabric } from './fabric/fabric.js';
export type { MemoryFabricOptions } from './fabric/fabric.js';
export { MemoryHost } from './fabric/host.js';
export type { MemoryHostInit } from './fabric/host.js';
export { MemoryPod } from './fabric/pod.js';
export type { Delivery, MemoryPacket } from './fabric/delivery.js';
