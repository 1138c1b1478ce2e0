import type { Family, Finding } from '@overlay/core';
import { ensure } from './ensure.js';
import type { Sysctl } from './sysctl.js';

/** The kernel's own limits (net/ipv4/arp.c): below the first nothing is collected, at the third nothing is added. */
const DEFAULT_FIRST = 128;

/**
 * The three limits that a neighbour table needs for so many hosts on the link: the first power of two that holds them
 * all, twice that, and four times that. Below the first the kernel never collects entries that are in use; what is left
 * up to the third is for pods and everything else.
 */
export function neighbourLimits(peers: number): {
  readonly first: number;
  readonly second: number;
  readonly third: number;
} {
  let first = DEFAULT_FIRST;
  while (first < peers) first *= 2;
  return { first, second: first * 2, third: first * 4 };
}

/**
 * Makes room for peers that are neighbours of this host: those of host-gw and those reached directly. Permanent entries,
 * as vxlan makes them, do not count against the limits and need no call of this.
 *
 * The limits are of the whole machine and exist in the initial network namespace only: neighbour tables are registered
 * with their defaults once, at boot (neigh_sysctl_register), so in any other namespace the files are absent and nothing
 * is done. That is also how the initial namespace is recognised.
 *
 * @param peers how many there are, at most.
 * @returns what could not be done, or was left alone.
 */
export async function raiseNeighbourLimits(
  sysctl: Sysctl,
  peers: number,
  families: readonly Family[],
): Promise<readonly Finding[]> {
  const { first, second, third } = neighbourLimits(peers);
  const findings: Finding[] = [];
  for (const family of families) {
    const directory = `net/${family}/neigh/default`;
    const need = { level: 'warning', otherwise: `a host with ${peers} neighbours cannot reach all of them` } as const;
    // From the top, so that the three are never out of order.
    findings.push(...(await ensure(sysctl, { key: `${directory}/gc_thresh3`, value: third }, need)));
    findings.push(...(await ensure(sysctl, { key: `${directory}/gc_thresh2`, value: second }, need)));
    findings.push(...(await ensure(sysctl, { key: `${directory}/gc_thresh1`, value: first }, need)));
  }
  return findings;
}

/** True in the initial network namespace, the only one that holds limits of the whole machine. */
export async function isInitialNamespace(sysctl: Sysctl): Promise<boolean> {
  return (await sysctl.read('net/ipv4/neigh/default/gc_thresh3')) !== undefined;
}
