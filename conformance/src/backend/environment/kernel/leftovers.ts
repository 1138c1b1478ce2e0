import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { until } from '../../../suite/until.js';

/** What the event loop itself (libuv), and Node for a stream that goes nowhere, keep open once they have needed it. */
const OF_NODE = /^\/dev\/null$|^anon_inode:(\[eventpoll\]|\[eventfd\]|\[io_uring\]|\[timerfd\]|\[signalfd\]|inotify)$/;

/** What this process holds open, each with the number of its descriptor: sockets, namespaces, devices, BPF objects, files. */
export function descriptors(): ReadonlyMap<string, string> {
  const open = new Map<string, string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      // The folder itself is open while it is read.
      if (!OF_NODE.test(target) && !/^\/proc\/(self|\d+)\/fd$/.test(target)) open.set(fd, target);
    } catch {
      // Closed since the folder was read.
    }
  }
  return open;
}

function namespacesLike(prefix: string): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(prefix));
}

function processesIn(inodes: ReadonlySet<number>): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return inodes.has(statSync(`/proc/${name}/ns/net`).ino);
    } catch {
      return false;
    }
  });
}

function nameOf(pid: string): string {
  try {
    return `${pid} (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
  } catch {
    return pid;
  }
}

/**
 * Waits until no process is left on hosts whose agents and networks have ended.
 *
 * @param inodes the hosts' network namespaces.
 * @throws AssertionError naming what is left after `timeoutMs`.
 */
export async function noProcessLeft(inodes: ReadonlySet<number>, timeoutMs: number): Promise<void> {
  let left: readonly string[] = [];
  await until(
    () => `nothing left over on the hosts; there is ${left.map((pid) => `process ${nameOf(pid)}`).join(', ')}`,
    timeoutMs,
    () => {
      left = processesIn(inodes);
      return left.length === 0;
    },
  );
}

/**
 * Waits until nothing of an environment is left.
 *
 * @param before what {@link descriptors} gave before it was made.
 * @param namespacePrefix what its namespaces' names began with.
 * @param inodes the namespaces themselves.
 * @throws AssertionError naming what is left after `timeoutMs`.
 */
export async function nothingLeft(
  before: ReadonlyMap<string, string>,
  namespacePrefix: string,
  inodes: ReadonlySet<number>,
  timeoutMs: number,
): Promise<void> {
  const left = (): string[] => {
    const extra = [...descriptors()].filter(([fd, target]) => before.get(fd) !== target);
    return [
      ...namespacesLike(namespacePrefix).map((name) => `network namespace ${name}`),
      ...processesIn(inodes).map((pid) => `process ${nameOf(pid)}`),
      ...extra.map(([, target]) => `an open descriptor of this process: ${target}`),
    ];
  };
  await until(
    () => `nothing left over; there is ${left().join(', ')}`,
    timeoutMs,
    () => left().length === 0,
  );
}
