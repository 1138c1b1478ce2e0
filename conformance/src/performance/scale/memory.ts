import { readFileSync } from 'node:fs';
import type { Memory } from './protocol.js';

/**
 * This process's memory by /proc/self/status. Not by getrusage: its peak includes that of the process that started this
 * one (exec_mmap of the kernel's fs/exec.c).
 */
export function ownMemory(): Memory {
  const status = readFileSync('/proc/self/status', 'latin1');
  const bytes = (field: string): number => 1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]);
  return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon'), peak: bytes('VmHWM') };
}
