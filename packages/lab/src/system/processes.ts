import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import process from 'node:process';
import { poll } from './poll.js';

/**
 * When a process started, in clock ticks since boot (field 22 of /proc/PID/stat); undefined when it is gone or a zombie.
 * With the process id it names a process for good: ids come round again.
 */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may itself hold blanks and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The processes whose network namespace is one of these, by inode. */
export function processesInNetns(inodes: ReadonlySet<number>): number[] {
  if (inodes.size === 0) return [];
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const inode = /^net:\[(\d+)\]$/.exec(readlinkSync(`/proc/${entry}/ns/net`))?.[1];
      if (inode !== undefined && inodes.has(Number(inode))) found.push(Number(entry));
    } catch {
      // The process has ended since the folder was read, or is a zombie, which holds no namespace.
    }
  }
  return found;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

/**
 * Ends every process in these namespaces: SIGTERM, and SIGKILL for what is still there after the grace. Looked up again
 * each time, so that what a dying process starts is found too.
 *
 * @returns the processes that even SIGKILL has not ended within 2 s (in the kernel's hands).
 */
export async function endProcessesInNetns(inodes: ReadonlySet<number>, graceMs: number): Promise<readonly number[]> {
  const signalled = new Set<number>();
  const allGone = await poll(
    () => {
      const running = processesInNetns(inodes);
      for (const pid of running) {
        if (!signalled.has(pid)) kill(pid, 'SIGTERM');
        signalled.add(pid);
      }
      return running.length === 0;
    },
    { timeoutMs: graceMs },
  );
  if (allGone) return [];
  let left: readonly number[] = [];
  await poll(
    () => {
      left = processesInNetns(inodes);
      for (const pid of left) kill(pid, 'SIGKILL');
      return left.length === 0;
    },
    { timeoutMs: 2000 },
  );
  return left;
}
