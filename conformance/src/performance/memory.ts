import { readFileSync } from 'node:fs';

/** Memory of a process, in bytes. */
export interface Memory {
  /** Resident. */
  readonly resident: number;
  /** Resident, without the pages of files. */
  readonly anonymous: number;
  /** The most that was resident at any time since the program began. */
  readonly peak: number;
}

/**
 * A process's memory by /proc/PID/status. Not by getrusage: its peak includes that of the process that started this one
 * (exec_mmap of the kernel's fs/exec.c).
 */
export function memoryOf(process: number | 'self'): Memory {
  const status = readFileSync(`/proc/${process}/status`, 'latin1');
  const bytes = (field: string): number => 1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]);
  return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon'), peak: bytes('VmHWM') };
}
