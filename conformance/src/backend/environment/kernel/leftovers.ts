import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { until } from '../../../suite/until.js';

/** Sockets and namespaces that this process holds open. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^(socket|net):/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
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
 * @param descriptorsBefore what {@link descriptors} gave before it was made.
 * @param namespacePrefix what its namespaces' names began with.
 * @param inodes the namespaces themselves.
 * @throws AssertionError naming what is left after `timeoutMs`.
 */
export async function nothingLeft(
  descriptorsBefore: number,
  namespacePrefix: string,
  inodes: ReadonlySet<number>,
  timeoutMs: number,
): Promise<void> {
  const left = (): string[] => {
    const extra = descriptors() - descriptorsBefore;
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
