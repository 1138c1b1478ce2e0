import type { Memory } from '../memory.js';
import type { Host } from '@overlay/core';

/**
 * What the measured process is told, a line of JSON each. Leases come as lines too, between these, so that the memory of
 * making 50,000 of them is not the measured process's.
 */
export type Order =
  /** Opens the network. */
  | { readonly order: 'open'; readonly netns: string; readonly host: Host }
  /** Applies the leases since the last order as a snapshot, and waits until the kernel has everything. */
  | { readonly order: 'snapshot' }
  /** Applies the leases since the last order one at a time, each when the one before is in the kernel. */
  | { readonly order: 'changes' }
  /** From now on each lease is applied when it comes. */
  | { readonly order: 'flow' }
  /** Waits until the kernel has everything. */
  | { readonly order: 'settle' }
  /** Lets go of what can be collected, and says how much memory is left in use. */
  | { readonly order: 'idle' };

/** What it answers to each order, a line of JSON each. */
export interface Answer {
  /** Milliseconds that the order took; of `changes`, one for each. */
  readonly ms: readonly number[];
  /** Processor time of the order in milliseconds, all threads. */
  readonly cpuMs: number;
  /** Processor time of the process since its start in milliseconds, all threads. */
  readonly processMs: number;
  /** Changes of the kernel so far. */
  readonly writes: number;
  /** Objects that are not as wanted. */
  readonly amiss: number;
  readonly memory: Memory;
}
