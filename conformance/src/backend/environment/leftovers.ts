import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { until } from '../../suite/until.js';

/** What this process and this machine had before a test. */
export interface Before {
  readonly descriptors: number;
}

/** Sockets and namespaces that this process holds open. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^(socket|net):/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

export function before(): Before {
  return { descriptors: openDescriptors() };
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

/**
 * Waits until nothing of an environment is left.
 *
 * @param namespacePrefix what its namespaces' names began with.
 * @param inodes the namespaces themselves.
 * @throws AssertionError naming what is left after `timeoutMs`.
 */
export async function nothingLeft(
  start: Before,
  namespacePrefix: string,
  inodes: ReadonlySet<number>,
  timeoutMs: number,
): Promise<void> {
  const left = (): string[] => {
    const extra = openDescriptors() - start.descriptors;
    return [
      ...namespacesLike(namespacePrefix).map((name) => `network namespace ${name}`),
      ...processesIn(inodes).map((pid) => `process ${pid}`),
      ...(extra > 0 ? [`${extra} open sockets or namespaces of this process`] : []),
    ];
  };
  await until(
    () => `nothing left over; there is ${left().join(', ')}`,
    timeoutMs,
    () => left().length === 0,
  );
}
